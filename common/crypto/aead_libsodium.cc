#include "common/crypto/aead_libsodium.h"

#include <array>

#include "common/crypto/secret_memory.h"

namespace tunneld::crypto {
namespace {

struct Nonce {
  explicit Nonce(std::uint64_t counter) { store_le(bytes.data() + 4, counter); }
  std::array<std::uint8_t, 12> bytes{};
};

Verdict verdict(int libsodium_result) {
  return libsodium_result == 0 ? Verdict::kAuthentic : Verdict::kForged;
}

class ChaChaKey final : public CipherKey, public InSecretMemory {
 public:
  explicit ChaChaKey(const SymmetricKey& key) : key_(key.clone()) {}

  void seal(std::span<AeadJob> packets) const override {
    for (const AeadJob& packet : packets) {
      const Nonce nonce(packet.counter);
      crypto_aead_chacha20poly1305_ietf_encrypt_detached(packet.data, packet.data + packet.length, nullptr,
                                                         packet.data, packet.length, nullptr, 0, nullptr,
                                                         nonce.bytes.data(), key_.data());
    }
  }

  void open(std::span<AeadJob> packets) const override {
    for (AeadJob& packet : packets) {
      const Nonce nonce(packet.counter);
      packet.verdict = verdict(crypto_aead_chacha20poly1305_ietf_decrypt_detached(
          packet.data, nullptr, packet.data, packet.length, packet.data + packet.length, nullptr, 0,
          nonce.bytes.data(), key_.data()));
    }
  }

 private:
  SymmetricKey key_;
};

class AesGcmKey final : public CipherKey, public InSecretMemory {
 public:
  explicit AesGcmKey(const SymmetricKey& key) { crypto_aead_aes256gcm_beforenm(&expanded_, key.data()); }
  AesGcmKey(const AesGcmKey&) = delete;
  AesGcmKey& operator=(const AesGcmKey&) = delete;
  ~AesGcmKey() override { sodium_memzero(&expanded_, sizeof expanded_); }

  void seal(std::span<AeadJob> packets) const override {
    for (const AeadJob& packet : packets) {
      const Nonce nonce(packet.counter);
      crypto_aead_aes256gcm_encrypt_detached_afternm(packet.data, packet.data + packet.length, nullptr,
                                                     packet.data, packet.length, nullptr, 0, nullptr,
                                                     nonce.bytes.data(), &expanded_);
    }
  }

  void open(std::span<AeadJob> packets) const override {
    for (AeadJob& packet : packets) {
      const Nonce nonce(packet.counter);
      packet.verdict = verdict(crypto_aead_aes256gcm_decrypt_detached_afternm(
          packet.data, nullptr, packet.data, packet.length, packet.data + packet.length, nullptr, 0,
          nonce.bytes.data(), &expanded_));
    }
  }

 private:
  crypto_aead_aes256gcm_state expanded_;
};

class LibsodiumEngine final : public AeadEngine {
 public:
  [[nodiscard]] std::string_view name() const override { return "libsodium"; }
  [[nodiscard]] bool supports(Cipher cipher) const override {
    return cipher == Cipher::kChaCha20Poly1305 || crypto_aead_aes256gcm_is_available() == 1;
  }
  [[nodiscard]] std::unique_ptr<CipherKey> make_key(Cipher cipher, const SymmetricKey& key) const override {
    if (cipher == Cipher::kAes256Gcm) return std::make_unique<AesGcmKey>(key);
    return std::make_unique<ChaChaKey>(key);
  }
};

}  // namespace

std::unique_ptr<AeadEngine> make_libsodium_engine() {
  return std::make_unique<LibsodiumEngine>();
}

}  // namespace tunneld::crypto
