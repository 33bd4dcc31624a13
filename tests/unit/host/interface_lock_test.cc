#include "daemon/host/interface_lock.h"

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>

#include "daemon/host/run_directory.h"
#include "tests/unit/host/run_directory_fixture.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

class InterfaceLockTest : public ::testing::Test {
 protected:
  TemporaryRunDirectory directory_;
};

TEST_F(InterfaceLockTest, OneHolderPerInterface) {
  const auto first = InterfaceLock::take("tun0");
  ASSERT_TRUE(first);
  EXPECT_FALSE(InterfaceLock::take("tun0"));
  EXPECT_TRUE(InterfaceLock::take("tun1"));
}

TEST_F(InterfaceLockTest, LettingGoLeavesNoFile) {
  (void)InterfaceLock::take("tun0");
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
  EXPECT_TRUE(InterfaceLock::take("tun0"));
}

TEST_F(InterfaceLockTest, DiesWithItsHolderWhoeverKillsIt) {
  WaitingProcess other([] { new auto(InterfaceLock::take("tun0")); });
  ASSERT_TRUE(other.is_ready());
  EXPECT_FALSE(InterfaceLock::take("tun0"));
  EXPECT_THAT(InterfaceLock::holder("tun0"), ::testing::StartsWith("process " + std::to_string(other.pid())));
  other.kill_now();
  EXPECT_TRUE(std::filesystem::exists(lock_path("tun0")));
  EXPECT_TRUE(InterfaceLock::take("tun0"));
}

TEST_F(InterfaceLockTest, AHolderInAnotherNetworkNamespaceIsNamedAsSuch) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: network namespaces";
  const WaitingProcess other([] {
    if (unshare(CLONE_NEWNET) != 0) _exit(1);
    new auto(InterfaceLock::take("tun0"));
  });
  ASSERT_TRUE(other.is_ready());
  EXPECT_FALSE(InterfaceLock::take("tun0"));
  EXPECT_THAT(InterfaceLock::holder("tun0"), ::testing::HasSubstr("another network namespace"));
}

TEST_F(InterfaceLockTest, WaitingEndsWhenTheHolderEnds) {
  WaitingProcess other([] { new auto(InterfaceLock::take("tun0")); });
  ASSERT_TRUE(other.is_ready());
  EXPECT_FALSE(InterfaceLock::wait_until_free("tun0", 50ms));
  other.kill_now();
  EXPECT_TRUE(InterfaceLock::wait_until_free("tun0", 0ms));
  EXPECT_TRUE(InterfaceLock::wait_until_free("tun1", 0ms));
}

TEST_F(InterfaceLockTest, NoDirectoryIsAnError) {
  setenv("TUNNELD_RUN_DIR", (directory_.path() / "none").c_str(), 1);
  EXPECT_THROW((void)InterfaceLock::take("tun0"), std::system_error);
  setenv("TUNNELD_RUN_DIR", directory_.path().c_str(), 1);
}

// The file is removed by its holder and made anew by the next: nobody may end up with a lock on a removed
// one.
TEST_F(InterfaceLockTest, ManyProcessesNeverHoldItTogether) {
  struct Shared {
    std::atomic<int> holders{0};
    std::atomic<int> taken{0};
    std::atomic<bool> together{false};
  };
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* shared = new (memory) Shared;
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (int round = 0; round < 150; ++round) {
        const auto lock = InterfaceLock::take("tun0");
        if (!lock) continue;
        if (shared->holders.fetch_add(1) != 0) shared->together = true;
        ++shared->taken;
        sched_yield();
        shared->holders.fetch_sub(1);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  EXPECT_FALSE(shared->together);
  EXPECT_GT(shared->taken, 100);
  munmap(memory, sizeof(Shared));
}

}  // namespace
}  // namespace tunneld::daemon
