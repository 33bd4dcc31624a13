// The packet path does not allocate: malloc itself is watched, because the engines' libraries are C.
#include <gtest/gtest.h>

#include "common/crypto/aead_ipsec_mb.h"
#include "common/crypto/aead_libsodium.h"
#include "tests/counted_malloc.h"
#include "tests/unit/crypto/vectors.h"

#ifdef TUNNELD_COUNTS_MALLOC

namespace tunneld::crypto {
namespace {

class Allocations : public testing::TestWithParam<std::unique_ptr<AeadEngine> (*)()> {};
INSTANTIATE_TEST_SUITE_P(Engines, Allocations, testing::Values(make_libsodium_engine, make_ipsec_mb_engine),
                         [](const auto& test) { return test.index == 0 ? "Libsodium" : "IpsecMb"; });

TEST_P(Allocations, AreSeenByThisTest) {
  const std::size_t before = allocations;
  const auto key = Bytes(100);
  EXPECT_GT(allocations, before);
}

TEST_P(Allocations, DoNotHappenInSealAndOpenAfterAnEmptyBatch) {
  const auto engine = GetParam()();
  if (!engine) GTEST_SKIP() << "not on this machine";
  for (const Cipher cipher : {Cipher::kChaCha20Poly1305, Cipher::kAes256Gcm}) {
    if (!engine->supports(cipher)) continue;
    const auto key = engine->make_key(cipher, symmetric_key(pattern(32)));
    Bytes packets(300 * 1500);
    std::vector<AeadJob> jobs;
    for (std::size_t i = 0; i < 300; ++i)
      jobs.push_back({.data = &packets[i * 1500], .length = i * 4, .counter = i});
    key->seal({});
    const std::size_t before = allocations;
    key->seal(jobs);
    key->open(jobs);
    EXPECT_EQ(allocations, before) << to_string(cipher);
    EXPECT_EQ(jobs.back().verdict, Verdict::kAuthentic);
  }
}

}  // namespace
}  // namespace tunneld::crypto

#endif
