#include "common/crypto/secret_memory.h"

#include <cstdint>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/crypto/aead_ipsec_mb.h"
#include "common/crypto/aead_libsodium.h"
#include "tests/unit/crypto/vectors.h"

namespace tunneld::crypto {
namespace {

// Sanitizers make mlock() do nothing (compiler-rt and libsanitizer intercept it).
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLocksWork = false;
#else
constexpr bool kLocksWork = true;
#endif

bool all_zero(const void* memory, std::size_t size) {
  return sodium_is_zero(static_cast<const unsigned char*>(memory), size) == 1;
}

std::uintptr_t address_of(const void* memory) {
  return std::bit_cast<std::uintptr_t>(memory);
}

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::string permissions;
  std::string flags;
};

/// The kernel's list of our mappings (proc(5), smaps).
std::vector<Mapping> mappings() {
  std::vector<Mapping> result;
  std::ifstream smaps("/proc/self/smaps");
  for (std::string line; std::getline(smaps, line);) {
    Mapping mapping;
    std::array<char, 5> permissions{};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &mapping.begin, &mapping.end, permissions.data()) == 3) {
      mapping.permissions = permissions.data();
      result.push_back(mapping);
    } else if (line.starts_with("VmFlags:") && !result.empty()) {
      result.back().flags = line.substr(8) + " ";
    }
  }
  return result;
}

/// Runs `check` in a forked child; true where it returned true.
template <typename Check>
bool holds_in_a_child(Check check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(SecretMemory, IsZeroAlignedAndDisjoint) {
  std::set<std::uintptr_t> seen;
  std::vector<std::pair<void*, std::size_t>> blocks;
  for (const std::size_t size : {1U, 40U, 64U, 65U, 1088U, 65536U, 65537U, 300000U}) {
    for (int i = 0; i < 5; ++i) {
      void* const memory = allocate_secret(size);
      EXPECT_EQ(address_of(memory) % 64, 0U);
      EXPECT_TRUE(all_zero(memory, size));
      for (const auto& [other, other_size] : blocks)
        EXPECT_TRUE(address_of(memory) + size <= address_of(other) ||
                    address_of(other) + other_size <= address_of(memory));
      std::memset(memory, 0xff, size);
      blocks.emplace_back(memory, size);
    }
  }
  for (const auto& [memory, size] : blocks) free_secret(memory, size);
}

TEST(SecretMemory, WipesAFreedBlockAndUsesItAgain) {
  void* const first = allocate_secret(512);
  std::memset(first, 0xff, 512);
  free_secret(first, 512);
  void* const second = allocate_secret(512);
  EXPECT_EQ(second, first);
  EXPECT_TRUE(all_zero(second, 512));
  free_secret(second, 512);
}

TEST(SecretMemory, AllowsNullToBeFreed) {
  free_secret(nullptr, 64);
}

TEST(SecretMemory, IsLockedKeptOutOfDumpsAndBetweenGuards) {
  void* const memory = allocate_secret(100);
  const auto all = mappings();
  const auto found = std::ranges::find_if(
      all, [&](const Mapping& m) { return m.begin <= address_of(memory) && address_of(memory) < m.end; });
  ASSERT_NE(found, all.end());
  EXPECT_NE(found->flags.find(" dd "), std::string::npos) << found->flags;  // MADV_DONTDUMP
  EXPECT_NE(found->flags.find(" wf "), std::string::npos) << found->flags;  // MADV_WIPEONFORK
  if (kLocksWork && !secret_lock_failed()) {
    EXPECT_NE(found->flags.find(" lo "), std::string::npos) << found->flags;
  }
  ASSERT_NE(found, all.begin());
  EXPECT_EQ(std::prev(found)->end, found->begin);
  EXPECT_EQ(std::prev(found)->permissions, "---p");
  ASSERT_NE(std::next(found), all.end());
  EXPECT_EQ(std::next(found)->begin, found->end);
  EXPECT_EQ(std::next(found)->permissions, "---p");
  free_secret(memory, 100);
}

TEST(SecretMemory, IsEmptyInAForkedChild) {
  void* const memory = allocate_secret(128);
  std::memset(memory, 0xff, 128);
  EXPECT_TRUE(holds_in_a_child([=] { return all_zero(memory, 128); }));
  EXPECT_FALSE(all_zero(memory, 128));
  free_secret(memory, 128);
}

TEST(SecretMemory, GoesOnUnlockedBeyondTheLimitAndSaysSo) {
  if (!kLocksWork) GTEST_SKIP() << "mlock() does nothing under this sanitizer";
  EXPECT_TRUE(holds_in_a_child([] {
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0) return false;
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) return false;  // root may lock what it likes
    constexpr std::size_t kOfItsOwnChunk = 1 << 20;
    void* const memory = allocate_secret(kOfItsOwnChunk);
    std::memset(memory, 0xff, kOfItsOwnChunk);
    free_secret(memory, kOfItsOwnChunk);
    return secret_lock_failed();
  }));
}

TEST(SecretMemory, IsSafeFromSeveralThreads) {
  const auto work = [](std::uint8_t mark) {
    for (int round = 0; round < 300; ++round) {
      std::vector<std::uint8_t*> blocks;
      for (int i = 0; i < 20; ++i) {
        auto* const memory = static_cast<std::uint8_t*>(allocate_secret(64));
        ASSERT_TRUE(all_zero(memory, 64));
        std::memset(memory, mark, 64);
        blocks.push_back(memory);
      }
      for (std::uint8_t* const memory : blocks) {
        ASSERT_EQ(memory[0], mark);
        ASSERT_EQ(memory[63], mark);
        free_secret(memory, 64);
      }
    }
  };
  std::jthread one(work, std::uint8_t{1});
  std::jthread two(work, std::uint8_t{2});
  std::jthread three(work, std::uint8_t{3});
}

class CipherKeys : public testing::TestWithParam<std::unique_ptr<AeadEngine> (*)()> {};
INSTANTIATE_TEST_SUITE_P(Engines, CipherKeys, testing::Values(make_libsodium_engine, make_ipsec_mb_engine),
                         [](const auto& test) { return test.index == 0 ? "Libsodium" : "IpsecMb"; });

TEST_P(CipherKeys, LiveInSecretMemory) {
  const auto engine = GetParam()();
  if (!engine) GTEST_SKIP() << "not on this machine";
  for (const Cipher cipher : {Cipher::kChaCha20Poly1305, Cipher::kAes256Gcm}) {
    if (!engine->supports(cipher)) continue;
    const auto key = engine->make_key(cipher, symmetric_key(pattern(32)));
    const std::uintptr_t address = address_of(key.get());
    bool secret = false;
    for (const Mapping& mapping : mappings())
      if (mapping.begin <= address && address < mapping.end)
        secret = mapping.flags.find(" wf ") != std::string::npos;
    EXPECT_TRUE(secret) << to_string(cipher);
  }
}

TEST_P(CipherKeys, OfTenThousandPeersFitInFewMegabytes) {
  const auto engine = GetParam()();
  if (!engine) GTEST_SKIP() << "not on this machine";
  const auto secret_bytes = [] {
    std::size_t sum = 0;
    for (const Mapping& mapping : mappings())
      if (mapping.flags.find(" wf ") != std::string::npos) sum += mapping.end - mapping.begin;
    return sum;
  };
  const auto grow = [&](Cipher cipher) {
    const std::size_t before = secret_bytes();
    std::vector<std::unique_ptr<CipherKey>> keys;
    for (int i = 0; i < 20'000; ++i) keys.push_back(engine->make_key(cipher, symmetric_key(pattern(32))));
    return (secret_bytes() - before) >> 20;
  };
  EXPECT_LE(grow(Cipher::kChaCha20Poly1305), 2U);
  if (engine->supports(Cipher::kAes256Gcm)) {
    EXPECT_LE(grow(Cipher::kAes256Gcm), 32U);  // 24 with ipsec-mb 1.3, 26 with 2.0
  }
}

#ifdef __SANITIZE_ADDRESS__
TEST(SecretMemoryDeathTest, AddressSanitizerSeesTheUseOfAFreedKey) {
  const auto use_after_free = [] {
    auto* const memory = static_cast<volatile std::uint8_t*>(allocate_secret(64));
    free_secret(const_cast<std::uint8_t*>(memory), 64);
    memory[0] = 1;
  };
  EXPECT_DEATH(use_after_free(), "use-after-poison");
}
#endif

}  // namespace
}  // namespace tunneld::crypto
