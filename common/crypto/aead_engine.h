// AEAD engines of the data path: sealing and opening batches of packets in place.
//
// An engine is a stateless set of functions for one library (libsodium: always there and the reference;
// ipsec-mb: fast). Everything that depends only on the key (AES round keys, GHASH tables) is computed once
// per key into a CipherKey, which lives in locked memory beside the keypair. Engines are called from several
// threads at once.
#pragma once

#include <memory>
#include <string_view>

#include "common/bytes.h"
#include "common/crypto/aead.h"
#include "common/crypto/secret.h"

namespace tunneld::crypto {

enum class Cipher : std::uint8_t { kChaCha20Poly1305, kAes256Gcm };
[[nodiscard]] std::string_view to_string(Cipher cipher);

/// One packet, in place: `data` holds `length` bytes of plaintext (or ciphertext), followed by room for the
/// 16-byte tag (or the tag). The 12-byte nonce is 4 zero bytes and `counter`, little-endian. No associated
/// data.
struct AeadJob {
  std::uint8_t* data;
  std::size_t length;
  std::uint64_t counter;
  /// Written by open(): kAuthentic, or kForged; then `data` must not be used.
  Verdict verdict = Verdict::kForged;
};

/// A key that is prepared for one engine and one cipher. Wiped when destroyed.
///
/// Any number of threads may call seal() and open() at once. They allocate nothing, with one exception:
/// ipsec-mb sets up its manager (200 KB, less than a millisecond) at a thread's first call. An empty batch
/// does that before there is traffic.
class CipherKey {
 public:
  virtual ~CipherKey() = default;
  virtual void seal(std::span<AeadJob> jobs) const = 0;
  virtual void open(std::span<AeadJob> jobs) const = 0;
};

class AeadEngine {
 public:
  virtual ~AeadEngine() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual bool supports(Cipher cipher) const = 0;
  /// Precondition: supports(cipher).
  [[nodiscard]] virtual std::unique_ptr<CipherKey> make_key(Cipher cipher, const SymmetricKey& key) const = 0;
};

enum class EngineChoice : std::uint8_t { kAuto, kLibsodium, kIpsecMb };

/// Picks an engine, after testing it against libsodium on random batches. If an engine that was requested by
/// name is missing or fails its self-test, throws std::runtime_error; kAuto falls back to libsodium.
[[nodiscard]] std::unique_ptr<AeadEngine> select_engine(EngineChoice choice);

}  // namespace tunneld::crypto
