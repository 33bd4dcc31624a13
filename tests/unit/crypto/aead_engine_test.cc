#include "common/crypto/aead_engine.h"

#include <atomic>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/crypto/aead_ipsec_mb.h"
#include "common/crypto/aead_libsodium.h"
#include "common/crypto/aead_self_test.h"
#include "tests/unit/crypto/vectors.h"

namespace tunneld::crypto {
namespace {

SymmetricKey random_key() {
  SymmetricKey key;
  random_bytes(key.mutable_view());
  return key;
}

AeadJob job_in(Bytes& packet, std::uint64_t counter) {
  return {.data = packet.data(), .length = packet.size() - kTagSize, .counter = counter};
}

struct EngineAndCipher {
  std::unique_ptr<AeadEngine> (*make)();
  Cipher cipher;
  const char* name;
};

class EveryEngine : public testing::TestWithParam<EngineAndCipher> {
 protected:
  void SetUp() override {
    engine_ = GetParam().make();
    if (!engine_ || !engine_->supports(cipher())) GTEST_SKIP() << "not on this machine";
  }
  static Cipher cipher() { return GetParam().cipher; }
  [[nodiscard]] std::unique_ptr<CipherKey> make_key(const SymmetricKey& key) const {
    return engine_->make_key(cipher(), key);
  }

  std::unique_ptr<AeadEngine> engine_;
};

INSTANTIATE_TEST_SUITE_P(
    Engines, EveryEngine,
    testing::Values(
        EngineAndCipher{make_libsodium_engine, Cipher::kChaCha20Poly1305, "LibsodiumChaCha20Poly1305"},
        EngineAndCipher{make_libsodium_engine, Cipher::kAes256Gcm, "LibsodiumAes256Gcm"},
        EngineAndCipher{make_ipsec_mb_engine, Cipher::kChaCha20Poly1305, "IpsecMbChaCha20Poly1305"},
        EngineAndCipher{make_ipsec_mb_engine, Cipher::kAes256Gcm, "IpsecMbAes256Gcm"}),
    [](const auto& test) { return std::string(test.param.name); });

/// Made by Python's cryptography (OpenSSL): key = pattern(32), plaintext = pattern(length, 3).
TEST_P(EveryEngine, AgreesWithOpenSsl) {
  struct {
    Cipher cipher;
    std::size_t length;
    std::uint64_t counter;
    std::string_view sealed;
  } const vectors[] = {
      {Cipher::kChaCha20Poly1305, 0, 0x0, "2d38413c20417dc7d3cd7742dd556d1a"},
      {Cipher::kChaCha20Poly1305, 1, 0x1, "29dec22644ef2d382881c54e5b65973bf1"},
      {Cipher::kChaCha20Poly1305, 16, 0x102030405060708,
       "49ad54f68db31863e31e9143118ae3c8cda6f430efd944fb404916c1b56e8955"},
      {Cipher::kChaCha20Poly1305, 40, 0xffffffffffffffff,
       "94298ab952a4b7a8fa6812f6fc2dfff8e245289d25b66a3ac2506180810c373e344d1011958c2401dbc1ead49f9f803ce3619"
       "e54a74ad058"},
      {Cipher::kAes256Gcm, 0, 0x0, "655afbc6fe46eea45d558e4833ade85b"},
      {Cipher::kAes256Gcm, 1, 0x1, "a7c9c162b9f6e3d3173b98c60724d6de9f"},
      {Cipher::kAes256Gcm, 16, 0x102030405060708,
       "db3e27bbda3417ac180aac0d66fa1788a406e82e851a492d0cf39a3309dd1a27"},
      {Cipher::kAes256Gcm, 40, 0xffffffffffffffff,
       "1e2d7ea0398a48c33f14208f094adfb4efe2596218f8c77ae101094cc6680ac0e309a5502c67882dd2fc8a49bb170118579d1"
       "e0200b017d7"},
  };
  const auto key = make_key(symmetric_key(pattern(32)));
  for (const auto& vector : vectors) {
    if (vector.cipher != cipher()) continue;
    Bytes packet = pattern(vector.length, 3);
    packet.resize(vector.length + kTagSize);
    AeadJob job = job_in(packet, vector.counter);
    key->seal(std::span(&job, 1));
    EXPECT_EQ(to_hex(packet), vector.sealed);
    key->open(std::span(&job, 1));
    EXPECT_EQ(job.verdict, Verdict::kAuthentic);
    packet.resize(vector.length);
    EXPECT_EQ(packet, pattern(vector.length, 3));
  }
}

TEST_P(EveryEngine, PassesTheSelfTest) {
  EXPECT_TRUE(passes_self_test(*engine_, *make_libsodium_engine()));
}

TEST_P(EveryEngine, RefusesEveryFlippedBitOfAPacket) {
  const auto key = make_key(random_key());
  Bytes sealed(100 + kTagSize);
  AeadJob job = job_in(sealed, 7);
  key->seal(std::span(&job, 1));
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes forged = sealed;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    AeadJob forgery = job_in(forged, 7);
    forgery.verdict = Verdict::kAuthentic;
    key->open(std::span(&forgery, 1));
    ASSERT_EQ(forgery.verdict, Verdict::kForged) << bit;
  }
}

TEST_P(EveryEngine, AcceptsAnEmptyBatch) {
  const auto key = make_key(random_key());
  key->seal({});
  key->open({});
}

/// An assembly routine may read or write in strides; a packet's neighbours are other packets, or no memory at
/// all.
TEST_P(EveryEngine, TouchesNothingBeforeOrAfterThePacket) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t room = 3 * page;
  void* const range = mmap(nullptr, page + room + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(range, MAP_FAILED);
  auto* const begin = static_cast<std::uint8_t*>(range) + page;
  ASSERT_EQ(mprotect(begin, room, PROT_READ | PROT_WRITE), 0);
  const std::span<std::uint8_t> memory(begin, room);
  const auto key = make_key(random_key());

  for (std::size_t length = 0; length <= 2100; length += length < 160 ? 1 : 37) {
    for (const bool at_end : {true, false}) {
      std::fill(memory.begin(), memory.end(), std::uint8_t{0xee});
      const std::size_t size = length + kTagSize;
      const auto packet = at_end ? memory.last(size) : memory.first(size);
      const auto around = at_end ? memory.first(room - size) : memory.last(room - size);
      AeadJob job{.data = packet.data(), .length = length, .counter = length};
      key->seal(std::span(&job, 1));
      key->open(std::span(&job, 1));
      ASSERT_EQ(job.verdict, Verdict::kAuthentic) << length;
      const auto untouched = [](std::uint8_t byte) { return byte == 0xee; };
      ASSERT_TRUE(std::ranges::all_of(packet.first(length), untouched)) << length;
      ASSERT_TRUE(std::ranges::all_of(around, untouched)) << length;
    }
  }
  munmap(range, page + room + page);
}

/// Workers seal and open under shared keys while the control thread makes and retires others.
TEST_P(EveryEngine, IsSafeFromSeveralThreads) {
  const SymmetricKey secret = random_key();
  const std::unique_ptr<const CipherKey> shared = make_key(secret);
  const auto reference = make_libsodium_engine()->make_key(cipher(), secret);
  constexpr std::size_t kPackets = 70;
  constexpr std::size_t kStride = 600;
  std::atomic<int> mistakes = 0;
  std::atomic<int> working = 3;

  const auto work = [&](std::uint64_t worker) {
    for (std::uint64_t round = 0; round < 60; ++round) {
      Bytes buffer(kPackets * kStride);
      std::vector<AeadJob> jobs;
      for (std::size_t i = 0; i < kPackets; ++i)
        jobs.push_back(
            {.data = &buffer[i * kStride], .length = i * 8, .counter = worker << 32 | round << 8 | i});
      Bytes expected = buffer;
      std::vector<AeadJob> expected_jobs = jobs;
      for (std::size_t i = 0; i < kPackets; ++i) expected_jobs[i].data = &expected[i * kStride];
      shared->seal(jobs);
      reference->seal(expected_jobs);
      if (buffer != expected) ++mistakes;
      buffer[0] ^= 1;
      shared->open(jobs);
      if (jobs.front().verdict != Verdict::kForged) ++mistakes;
      for (const AeadJob& job : std::span(jobs).subspan(1))
        if (job.verdict != Verdict::kAuthentic) ++mistakes;
    }
    --working;
  };
  std::vector<std::jthread> workers;
  for (std::uint64_t worker = 1; worker <= 3; ++worker) workers.emplace_back(work, worker);
  while (working > 0) {
    std::vector<std::unique_ptr<CipherKey>> retired;
    for (int i = 0; i < 20; ++i) retired.push_back(make_key(random_key()));
  }
  workers.clear();
  EXPECT_EQ(mistakes, 0);
}

/// The reference with one mistake of the kinds that the self-test is there for.
class BrokenEngine final : public AeadEngine {
 public:
  enum class Mistake {
    kNone,
    kOpensAnything,
    kKeepsOldVerdicts,
    kOneLengthWrong,
    kShortCounter,
    kRefusesOne
  };

  explicit BrokenEngine(Mistake mistake) : mistake_(mistake) {}
  [[nodiscard]] std::string_view name() const override { return "broken"; }
  [[nodiscard]] bool supports(Cipher cipher) const override { return reference_->supports(cipher); }
  [[nodiscard]] std::unique_ptr<CipherKey> make_key(Cipher cipher, const SymmetricKey& key) const override {
    return std::make_unique<Key>(reference_->make_key(cipher, key), mistake_);
  }

 private:
  class Key final : public CipherKey {
   public:
    Key(std::unique_ptr<CipherKey> key, Mistake mistake) : key_(std::move(key)), mistake_(mistake) {}

    void seal(std::span<AeadJob> jobs) const override {
      std::vector<AeadJob> changed(jobs.begin(), jobs.end());
      if (mistake_ == Mistake::kShortCounter)
        for (AeadJob& job : changed) job.counter &= 0xffffffff;
      key_->seal(changed);
      for (const AeadJob& job : jobs) {
        if (mistake_ == Mistake::kOneLengthWrong && job.length == 1025) job.data[1024] ^= 1;
      }
    }

    void open(std::span<AeadJob> jobs) const override {
      std::vector<AeadJob> opened(jobs.begin(), jobs.end());
      if (mistake_ == Mistake::kShortCounter)
        for (AeadJob& job : opened) job.counter &= 0xffffffff;
      key_->open(opened);
      for (std::size_t i = 0; i < jobs.size(); ++i) {
        Verdict verdict = opened[i].verdict;
        if (mistake_ == Mistake::kOpensAnything) verdict = Verdict::kAuthentic;
        if (mistake_ == Mistake::kKeepsOldVerdicts && verdict == Verdict::kForged) continue;
        if (mistake_ == Mistake::kRefusesOne && jobs[i].length == 9000) verdict = Verdict::kForged;
        jobs[i].verdict = verdict;
      }
    }

   private:
    std::unique_ptr<CipherKey> key_;
    Mistake mistake_;
  };

  std::unique_ptr<AeadEngine> reference_ = make_libsodium_engine();
  Mistake mistake_;
};

TEST(SelfTest, FindsEveryKindOfMistake) {
  using enum BrokenEngine::Mistake;
  const auto reference = make_libsodium_engine();
  ASSERT_TRUE(passes_self_test(BrokenEngine(kNone), *reference));
  for (const auto mistake : {kOpensAnything, kKeepsOldVerdicts, kOneLengthWrong, kShortCounter, kRefusesOne})
    EXPECT_FALSE(passes_self_test(BrokenEngine(mistake), *reference)) << static_cast<int>(mistake);
}

TEST(SelectEngine, GivesLibsodiumWhenAskedForIt) {
  const auto engine = select_engine(EngineChoice::kLibsodium);
  EXPECT_EQ(engine->name(), "libsodium");
  EXPECT_TRUE(engine->supports(Cipher::kChaCha20Poly1305));
}

TEST(SelectEngine, PrefersIpsecMbWhereItIsThere) {
  const bool available = make_ipsec_mb_engine() != nullptr;
  EXPECT_EQ(select_engine(EngineChoice::kAuto)->name(), available ? "ipsec-mb" : "libsodium");
}

TEST(SelectEngine, NeverReplacesAnEngineThatWasAskedForByName) {
  if (make_ipsec_mb_engine()) {
    EXPECT_EQ(select_engine(EngineChoice::kIpsecMb)->name(), "ipsec-mb");
  } else {
    EXPECT_THROW((void)select_engine(EngineChoice::kIpsecMb), std::runtime_error);
  }
}

}  // namespace
}  // namespace tunneld::crypto
