// The packet path does not allocate: malloc itself is watched, because the engines' libraries are C.
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include <gtest/gtest.h>
#include <malloc.h>

#include "common/crypto/aead_ipsec_mb.h"
#include "common/crypto/aead_libsodium.h"
#include "tests/unit/crypto/vectors.h"

// Sanitizers bring their own malloc.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* __libc_memalign(std::size_t alignment, std::size_t size);

namespace {
thread_local std::size_t allocations = 0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
}

extern "C" void* malloc(std::size_t size) noexcept {
  ++allocations;
  return __libc_malloc(size);
}
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  ++allocations;
  return __libc_memalign(alignment, size);
}
extern "C" int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  ++allocations;
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}

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
