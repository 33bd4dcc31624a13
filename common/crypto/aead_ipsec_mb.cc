// ipsec-mb's assembly for AVX2 and AVX-512 is two to eight times faster than libsodium here.
//
// Its manager (IMB_MGR) is a table of functions chosen for the CPU plus job queues. The functions that
// AES-GCM needs are stateless; ChaCha20-Poly1305 is reached fastest through a job, which takes a slot in the
// manager's queue, so each thread has a manager of its own. Both finish a packet before they return: there is
// nothing to flush.
#include "common/crypto/aead_ipsec_mb.h"

#ifdef TUNNELD_HAVE_IPSEC_MB

#include <cstring>
#include <new>

#include <intel-ipsec-mb.h>

#include "common/crypto/secret_memory.h"

namespace tunneld::crypto {
namespace {

struct ManagerDeleter {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, ManagerDeleter>;

Manager make_manager() {
  Manager manager(alloc_mb_mgr(0));
  if (manager) init_mb_mgr_auto(manager.get(), nullptr);
  return manager;
}

IMB_MGR& thread_manager() {
  thread_local const Manager manager = make_manager();
  if (!manager) throw std::bad_alloc();
  return *manager;
}

struct Nonce {
  explicit Nonce(std::uint64_t counter) { store_le(bytes + 4, counter); }
  std::uint8_t bytes[12] = {};
};

/// Constant time: no branch before all bytes are compared.
Verdict compare_tags(const std::uint8_t* computed, const std::uint8_t* received) {
  const std::uint64_t difference =
      (load_le<std::uint64_t>(computed) ^ load_le<std::uint64_t>(received)) |
      (load_le<std::uint64_t>(computed + 8) ^ load_le<std::uint64_t>(received + 8));
  return difference == 0 ? Verdict::kAuthentic : Verdict::kForged;
}

class ChaChaKey final : public CipherKey, public InSecretMemory {
 public:
  explicit ChaChaKey(const SymmetricKey& key) : key_(key.clone()) {}

  void seal(std::span<AeadJob> jobs) const override {
    IMB_MGR& manager = thread_manager();
    for (const AeadJob& job : jobs)
      run(manager, job, IMB_DIR_ENCRYPT, IMB_ORDER_CIPHER_HASH, job.data + job.length);
  }
  void open(std::span<AeadJob> jobs) const override {
    IMB_MGR& manager = thread_manager();
    for (AeadJob& job : jobs) {
      std::uint8_t tag[kTagSize];
      run(manager, job, IMB_DIR_DECRYPT, IMB_ORDER_HASH_CIPHER, tag);
      job.verdict = compare_tags(tag, job.data + job.length);
    }
  }

 private:
  void run(IMB_MGR& manager, const AeadJob& packet, IMB_CIPHER_DIRECTION direction, IMB_CHAIN_ORDER order,
           std::uint8_t* tag) const {
    const Nonce nonce(packet.counter);
    IMB_JOB* job = IMB_GET_NEXT_JOB(&manager);
    job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job->cipher_direction = direction;
    job->chain_order = order;
    job->enc_keys = job->dec_keys = key_.data();
    job->key_len_in_bytes = 32;
    job->src = packet.data;
    job->dst = packet.data;
    job->cipher_start_src_offset_in_bytes = 0;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_cipher_in_bytes = packet.length;
    job->msg_len_to_hash_in_bytes = packet.length;
    job->iv = nonce.bytes;
    job->iv_len_in_bytes = sizeof nonce.bytes;
    job->u.CHACHA20_POLY1305.aad = nullptr;
    job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
    job->auth_tag_output = tag;
    job->auth_tag_output_len_in_bytes = kTagSize;
    IMB_SUBMIT_JOB_NOCHECK(&manager);
  }

  SymmetricKey key_;
};

class AesGcmKey final : public CipherKey, public InSecretMemory {
 public:
  explicit AesGcmKey(const SymmetricKey& key) { IMB_AES256_GCM_PRE(&thread_manager(), key.data(), &key_); }
  AesGcmKey(const AesGcmKey&) = delete;
  AesGcmKey& operator=(const AesGcmKey&) = delete;
  ~AesGcmKey() override { sodium_memzero(&key_, sizeof key_); }

  void seal(std::span<AeadJob> jobs) const override {
    IMB_MGR& manager = thread_manager();
    gcm_context_data context;
    for (const AeadJob& job : jobs) {
      const Nonce nonce(job.counter);
      IMB_AES256_GCM_ENC(&manager, &key_, &context, job.data, job.data, job.length, nonce.bytes, nullptr, 0,
                         job.data + job.length, kTagSize);
    }
  }
  void open(std::span<AeadJob> jobs) const override {
    IMB_MGR& manager = thread_manager();
    gcm_context_data context;
    for (AeadJob& job : jobs) {
      const Nonce nonce(job.counter);
      std::uint8_t tag[kTagSize];
      IMB_AES256_GCM_DEC(&manager, &key_, &context, job.data, job.data, job.length, nonce.bytes, nullptr, 0,
                         tag, kTagSize);
      job.verdict = compare_tags(tag, job.data + job.length);
    }
  }

 private:
  gcm_key_data key_;
};

class IpsecMbEngine final : public AeadEngine {
 public:
  [[nodiscard]] std::string_view name() const override { return "ipsec-mb"; }
  [[nodiscard]] bool supports(Cipher) const override { return true; }
  [[nodiscard]] std::unique_ptr<CipherKey> make_key(Cipher cipher, const SymmetricKey& key) const override {
    if (cipher == Cipher::kAes256Gcm) return std::make_unique<AesGcmKey>(key);
    return std::make_unique<ChaChaKey>(key);
  }
};

}  // namespace

std::unique_ptr<AeadEngine> make_ipsec_mb_engine() {
  const Manager manager = make_manager();
  if (!manager || (manager->features & IMB_FEATURE_AVX2) == 0 || imb_get_errno(manager.get()) != 0)
    return nullptr;
  return std::make_unique<IpsecMbEngine>();
}

}  // namespace tunneld::crypto

#else

namespace tunneld::crypto {

std::unique_ptr<AeadEngine> make_ipsec_mb_engine() {
  return nullptr;
}

}  // namespace tunneld::crypto

#endif
