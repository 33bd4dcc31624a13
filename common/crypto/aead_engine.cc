#include "common/crypto/aead_engine.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "common/crypto/aead_ipsec_mb.h"
#include "common/crypto/aead_libsodium.h"
#include "common/crypto/keys.h"

namespace tunneld::crypto {
namespace {

/// Seals with one engine and opens with the other, both ways, and refuses what was changed.
bool agrees_with(const AeadEngine& engine, const AeadEngine& reference, Cipher cipher) {
  SymmetricKey secret;
  random_bytes(secret.mutable_view());
  const auto ours = engine.make_key(cipher, secret);
  const auto theirs = reference.make_key(cipher, secret);

  for (const std::size_t length : {0U, 1U, 15U, 16U, 17U, 63U, 64U, 65U, 511U, 1420U, 1424U, 9000U}) {
    std::vector<std::uint8_t> plain(length);
    random_bytes(plain);
    std::vector<std::uint8_t> mine = plain;
    mine.resize(length + kTagSize);
    std::vector<std::uint8_t> other = mine;
    AeadJob my_job{.data = mine.data(), .length = length, .counter = length};
    AeadJob other_job{.data = other.data(), .length = length, .counter = length};
    ours->seal(std::span(&my_job, 1));
    theirs->seal(std::span(&other_job, 1));
    if (mine != other) return false;

    std::vector<std::uint8_t> forged = mine;
    forged[forged.size() / 2] ^= 1;
    AeadJob forged_job{.data = forged.data(), .length = length, .counter = length};
    ours->open(std::span(&forged_job, 1));
    if (forged_job.verdict != Verdict::kForged) return false;

    ours->open(std::span(&my_job, 1));
    if (my_job.verdict != Verdict::kAuthentic || !std::equal(plain.begin(), plain.end(), mine.begin()))
      return false;
  }
  return true;
}

bool passes_self_test(const AeadEngine& engine) {
  const auto reference = make_libsodium_engine();
  for (const Cipher cipher : {Cipher::kChaCha20Poly1305, Cipher::kAes256Gcm}) {
    if (engine.supports(cipher) && reference->supports(cipher) && !agrees_with(engine, *reference, cipher))
      return false;
  }
  return true;
}

}  // namespace

std::string_view to_string(Cipher cipher) {
  return cipher == Cipher::kAes256Gcm ? "AES-256-GCM" : "ChaCha20-Poly1305";
}

std::unique_ptr<AeadEngine> select_engine(EngineChoice choice) {
  if (choice != EngineChoice::kLibsodium) {
    auto engine = make_ipsec_mb_engine();
    if (engine && passes_self_test(*engine)) return engine;
    if (choice == EngineChoice::kIpsecMb) {
      throw std::runtime_error(
          engine ? "ipsec-mb does not agree with libsodium; use crypto.engine: libsodium"
                 : "ipsec-mb is not built in, or this CPU has no AVX2; use crypto.engine: auto");
    }
  }
  return make_libsodium_engine();
}

}  // namespace tunneld::crypto
