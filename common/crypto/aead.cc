#include "common/crypto/aead.h"

#include <cassert>

namespace tunneld::crypto {
namespace {

std::array<std::uint8_t, 12> nonce_of(std::uint64_t counter) {
  std::array<std::uint8_t, 12> nonce{};
  store_le(nonce.data() + 4, counter);
  return nonce;
}

Verdict verdict(int libsodium_result) {
  return libsodium_result == 0 ? Verdict::kAuthentic : Verdict::kForged;
}

}  // namespace

void seal(MutableBytes out, ByteView plain, ByteView associated, const SymmetricKey& key,
          std::uint64_t counter) {
  assert(out.size() == plain.size() + kTagSize);
  const auto nonce = nonce_of(counter);
  crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, plain.data(), plain.size(),
                                            associated.data(), associated.size(), nullptr, nonce.data(),
                                            key.data());
}

Verdict open(MutableBytes out, ByteView sealed, ByteView associated, const SymmetricKey& key,
             std::uint64_t counter) {
  assert(out.size() + kTagSize == sealed.size());
  const auto nonce = nonce_of(counter);
  return verdict(crypto_aead_chacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(),
                                                           sealed.size(), associated.data(),
                                                           associated.size(), nonce.data(), key.data()));
}

void xseal(MutableBytes out, ByteView plain, ByteView associated, ByteView key,
           std::span<const std::uint8_t, kXNonceSize> nonce) {
  assert(out.size() == plain.size() + kTagSize && key.size() == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, plain.data(), plain.size(),
                                             associated.data(), associated.size(), nullptr, nonce.data(),
                                             key.data());
}

Verdict xopen(MutableBytes out, ByteView sealed, ByteView associated, ByteView key,
              std::span<const std::uint8_t, kXNonceSize> nonce) {
  assert(out.size() + kTagSize == sealed.size() && key.size() == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
  return verdict(crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(),
                                                            sealed.size(), associated.data(),
                                                            associated.size(), nonce.data(), key.data()));
}

Verdict verify_mac(std::span<const std::uint8_t, 16> expected, std::span<const std::uint8_t, 16> actual) {
  return verdict(sodium_memcmp(expected.data(), actual.data(), expected.size()));
}

}  // namespace tunneld::crypto
