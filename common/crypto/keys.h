// Curve25519 keys and preshared keys, in the formats that `wg` reads and writes (base64 of 32 bytes).
#pragma once

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.h"
#include "common/crypto/secret.h"

namespace tunneld::crypto {

inline constexpr std::size_t kKeySize = 32;

/// Initialises libsodium; throws std::runtime_error if that fails. Call it once, before any thread starts.
void init();

/// Fills `out` from the system's CSPRNG (libsodium randombytes_buf).
void random_bytes(MutableBytes out);

class PublicKey {
 public:
  PublicKey() = default;
  explicit PublicKey(std::span<const std::uint8_t, kKeySize> bytes);
  /// 44 characters of strict base64, as `wg pubkey` prints; nullopt for anything else.
  [[nodiscard]] static std::optional<PublicKey> from_base64(std::string_view text);
  [[nodiscard]] std::string to_base64() const;
  /// The first 8 characters of the base64 form: enough to tell peers apart in a log.
  [[nodiscard]] std::string to_short() const;
  [[nodiscard]] std::span<const std::uint8_t, kKeySize> view() const { return bytes_; }
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }
  auto operator<=>(const PublicKey&) const = default;

 private:
  std::array<std::uint8_t, kKeySize> bytes_{};
};

struct PublicKeyHash {
  std::size_t operator()(const PublicKey& key) const { return load_le<std::size_t>(key.data()); }
};

/// A clamped X25519 scalar (RFC 7748).
class PrivateKey {
 public:
  [[nodiscard]] static PrivateKey generate();
  /// Takes any 32 bytes and clamps them.
  [[nodiscard]] static PrivateKey from_bytes(std::span<const std::uint8_t, kKeySize> bytes);
  [[nodiscard]] static std::optional<PrivateKey> from_base64(std::string_view text);
  /// Writes 44 characters of base64 into `out`; the caller wipes them.
  void to_base64(std::span<char, 45> out) const;
  [[nodiscard]] PublicKey public_key() const;
  [[nodiscard]] PrivateKey clone() const;
  /// X25519 with `other`; nullopt if the result is all zero (a low-order point), which must end the
  /// handshake.
  [[nodiscard]] std::optional<SymmetricKey> agree(const PublicKey& other) const;

 private:
  explicit PrivateKey(Secret<kKeySize> bytes) : bytes_(std::move(bytes)) {}
  Secret<kKeySize> bytes_;
};

/// 32 random bytes mixed into the handshake (Noise psk2). Absent means 32 zero bytes.
class PresharedKey {
 public:
  [[nodiscard]] static PresharedKey generate();
  [[nodiscard]] static std::optional<PresharedKey> from_base64(std::string_view text);
  void to_base64(std::span<char, 45> out) const;
  [[nodiscard]] PresharedKey clone() const { return PresharedKey(bytes_.clone()); }
  [[nodiscard]] const Secret<kKeySize>& secret() const { return bytes_; }

 private:
  explicit PresharedKey(Secret<kKeySize> bytes) : bytes_(std::move(bytes)) {}
  Secret<kKeySize> bytes_;
};

}  // namespace tunneld::crypto
