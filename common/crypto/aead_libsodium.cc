#include "common/crypto/aead_libsodium.h"

#include "common/crypto/secret_memory.h"

namespace tunneld::crypto {
namespace {

struct Nonce {
  explicit Nonce(std::uint64_t counter) { store_le(bytes + 4, counter); }
  std::uint8_t bytes[12] = {};
};

class ChaChaKey final : public CipherKey, public InSecretMemory {
 public:
  explicit ChaChaKey(const SymmetricKey& key) : key_(key.clone()) {}

  void seal(std::span<AeadJob> jobs) const override {
    for (const AeadJob& job : jobs) {
      const Nonce nonce(job.counter);
      crypto_aead_chacha20poly1305_ietf_encrypt_detached(job.data, job.data + job.length, nullptr, job.data,
                                                         job.length, nullptr, 0, nullptr, nonce.bytes,
                                                         key_.data());
    }
  }
  void open(std::span<AeadJob> jobs) const override {
    for (AeadJob& job : jobs) {
      const Nonce nonce(job.counter);
      const int result = crypto_aead_chacha20poly1305_ietf_decrypt_detached(
          job.data, nullptr, job.data, job.length, job.data + job.length, nullptr, 0, nonce.bytes,
          key_.data());
      job.verdict = result == 0 ? Verdict::kAuthentic : Verdict::kForged;
    }
  }

 private:
  SymmetricKey key_;
};

class AesGcmKey final : public CipherKey, public InSecretMemory {
 public:
  explicit AesGcmKey(const SymmetricKey& key) { crypto_aead_aes256gcm_beforenm(&state_, key.data()); }
  AesGcmKey(const AesGcmKey&) = delete;
  AesGcmKey& operator=(const AesGcmKey&) = delete;
  ~AesGcmKey() override { sodium_memzero(&state_, sizeof state_); }

  void seal(std::span<AeadJob> jobs) const override {
    for (const AeadJob& job : jobs) {
      const Nonce nonce(job.counter);
      crypto_aead_aes256gcm_encrypt_detached_afternm(job.data, job.data + job.length, nullptr, job.data,
                                                     job.length, nullptr, 0, nullptr, nonce.bytes, &state_);
    }
  }
  void open(std::span<AeadJob> jobs) const override {
    for (AeadJob& job : jobs) {
      const Nonce nonce(job.counter);
      const int result = crypto_aead_aes256gcm_decrypt_detached_afternm(
          job.data, nullptr, job.data, job.length, job.data + job.length, nullptr, 0, nonce.bytes, &state_);
      job.verdict = result == 0 ? Verdict::kAuthentic : Verdict::kForged;
    }
  }

 private:
  crypto_aead_aes256gcm_state state_;
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
