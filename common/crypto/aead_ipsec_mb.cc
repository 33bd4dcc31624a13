// Intel's Multi-Buffer Crypto for IPsec: its assembly for AVX2 and AVX-512 is about three to six times
// faster than libsodium on packets of 1420 bytes (tests/bench/aead_bench.cc).
//
// Everything goes through a manager (IMB_MGR): a table of functions chosen for the CPU, and a ring of jobs.
// ChaCha20-Poly1305 uses jobs, one packet each. The direct calls take a fifth to a third longer at 1420 bytes
// and three quarters longer at 64; bursts of jobs showed no measurable gain, so the simpler way stays
// (tests/bench/ipsec_mb_api_bench.cc has all three). Because of the ring, each thread has a manager of its
// own. AES-GCM uses direct calls, which only read the manager, because jobs are no faster there. Both finish
// a packet before they return, so nothing is ever left in the ring: no flush, and no packet waits for the
// next one.
//
// Here a manager never holds key bytes, only pointers to keys in secret memory, and the library clears its
// stack and registers itself (IMB_FEATURE_SAFE_DATA, as Debian builds it). The manager is wiped nevertheless.
#include "common/crypto/aead_ipsec_mb.h"

#ifdef TUNNELD_HAVE_IPSEC_MB

#include <array>
#include <cstdlib>
#include <new>

#include <intel-ipsec-mb.h>

#include "common/crypto/secret_memory.h"

namespace tunneld::crypto {
namespace {

using Tag = std::array<std::uint8_t, kTagSize>;

struct Nonce {
  Nonce() = default;
  explicit Nonce(std::uint64_t counter) { store_le(bytes.data() + 4, counter); }
  std::array<std::uint8_t, 12> bytes{};
};

/// A manager in our own memory, because the library offers no way to wipe one from its alloc_mb_mgr().
class Manager {
 public:
  Manager() : size_(imb_get_mb_mgr_size()), memory_(::operator new(size_, kAlignment)) {
    manager_ = imb_set_pointers_mb_mgr(memory_, 0, 1);
    if (manager_ != nullptr) init_mb_mgr_auto(manager_, nullptr);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() {
    sodium_memzero(memory_, size_);
    ::operator delete(memory_, kAlignment);
  }

  /// The CPU has AVX2 and what the library's AVX2 code relies on, for example AES-NI and CLMUL, and the
  /// library's own self-test has passed.
  [[nodiscard]] bool is_usable() const {
    return manager_ != nullptr && imb_get_errno(manager_) == 0 &&
           (manager_->features & IMB_CPUFLAGS_AVX2) == IMB_CPUFLAGS_AVX2;
  }
  [[nodiscard]] IMB_MGR* get() const { return manager_; }

 private:
  static constexpr std::align_val_t kAlignment{64};

  std::size_t size_;
  void* memory_;
  IMB_MGR* manager_ = nullptr;
};

IMB_MGR* thread_manager() {
  thread_local const Manager manager;
  return manager.get();
}

/// Constant time, but without the byte-wise volatile loop of sodium_memcmp, which showed in profiles of the
/// data path.
Verdict compare_tags(const std::uint8_t* computed, const std::uint8_t* received) {
  const std::uint64_t difference =
      (load_le<std::uint64_t>(computed) ^ load_le<std::uint64_t>(received)) |
      (load_le<std::uint64_t>(computed + 8) ^ load_le<std::uint64_t>(received + 8));
  return difference == 0 ? Verdict::kAuthentic : Verdict::kForged;
}

class ChaChaKey final : public CipherKey, public InSecretMemory {
 public:
  explicit ChaChaKey(const SymmetricKey& key) : key_(key.clone()) {}

  void seal(std::span<AeadJob> packets) const override {
    IMB_MGR* const manager = thread_manager();
    for (const AeadJob& packet : packets) run(manager, packet, IMB_DIR_ENCRYPT, packet.data + packet.length);
  }

  void open(std::span<AeadJob> packets) const override {
    IMB_MGR* const manager = thread_manager();
    for (AeadJob& packet : packets) {
      Tag computed;
      run(manager, packet, IMB_DIR_DECRYPT, computed.data());
      packet.verdict = compare_tags(computed.data(), packet.data + packet.length);
    }
  }

 private:
  void run(IMB_MGR* manager, const AeadJob& packet, IMB_CIPHER_DIRECTION direction, std::uint8_t* tag) const {
    const Nonce nonce(packet.counter);
    IMB_JOB* const job = IMB_GET_NEXT_JOB(manager);
    prepare(*job, packet, direction, nonce, tag);
    // Cannot happen with an empty ring. If it did, plaintext would be sent, or an unverified packet accepted.
    if (IMB_SUBMIT_JOB_NOCHECK(manager) != job) std::abort();
  }

  void prepare(IMB_JOB& job, const AeadJob& packet, IMB_CIPHER_DIRECTION direction, const Nonce& nonce,
               std::uint8_t* tag) const {
    job.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job.cipher_direction = direction;
    job.chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job.enc_keys = job.dec_keys = key_.data();
    job.key_len_in_bytes = SymmetricKey::kSize;
    job.src = job.dst = packet.data;
    job.cipher_start_src_offset_in_bytes = 0;
    job.hash_start_src_offset_in_bytes = 0;
    job.msg_len_to_cipher_in_bytes = packet.length;
    job.msg_len_to_hash_in_bytes = packet.length;
    job.iv = nonce.bytes.data();
    job.iv_len_in_bytes = nonce.bytes.size();
    job.u.CHACHA20_POLY1305.aad = nullptr;
    job.u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
    job.auth_tag_output = tag;
    job.auth_tag_output_len_in_bytes = kTagSize;
  }

  SymmetricKey key_;
};

class AesGcmKey final : public CipherKey, public InSecretMemory {
 public:
  explicit AesGcmKey(const SymmetricKey& key) {
    IMB_AES256_GCM_PRE(thread_manager(), key.data(), &expanded_);
  }
  AesGcmKey(const AesGcmKey&) = delete;
  AesGcmKey& operator=(const AesGcmKey&) = delete;
  ~AesGcmKey() override { sodium_memzero(&expanded_, sizeof expanded_); }

  void seal(std::span<AeadJob> packets) const override {
    IMB_MGR* const manager = thread_manager();
    Context context;
    for (const AeadJob& packet : packets) {
      const Nonce nonce(packet.counter);
      IMB_AES256_GCM_ENC(manager, &expanded_, context.get(), packet.data, packet.data, packet.length,
                         nonce.bytes.data(), nullptr, 0, packet.data + packet.length, kTagSize);
    }
  }

  void open(std::span<AeadJob> packets) const override {
    IMB_MGR* const manager = thread_manager();
    Context context;
    for (AeadJob& packet : packets) {
      const Nonce nonce(packet.counter);
      Tag computed;
      IMB_AES256_GCM_DEC(manager, &expanded_, context.get(), packet.data, packet.data, packet.length,
                         nonce.bytes.data(), nullptr, 0, computed.data(), kTagSize);
      packet.verdict = compare_tags(computed.data(), packet.data + packet.length);
    }
  }

 private:
  /// The library's state for the current message (a block of keystream, GHASH), wiped once per batch.
  class Context {
   public:
    Context() = default;
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context() { sodium_memzero(&data_, sizeof data_); }
    [[nodiscard]] gcm_context_data* get() { return &data_; }

   private:
    gcm_context_data data_;
  };

  /// Round keys and powers of the hash key. The library uses aligned loads, but its header requests the
  /// alignment only if LINUX is defined, which it never is.
  alignas(64) gcm_key_data expanded_;
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
  if (!Manager().is_usable()) return nullptr;
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
