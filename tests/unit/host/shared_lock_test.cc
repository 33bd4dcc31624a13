// The lock of what all tunnelds share leaves nothing behind: in a mount namespace with a /run of its own.
#include "daemon/host/shared_lock.h"

#include <chrono>
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/unit/host/own_run.h"
#include "tests/unit/host/run_directory_fixture.h"

namespace tunneld::daemon {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class SharedLockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!have_own_run()) GTEST_SKIP() << "no mount namespace";
    fs::remove_all(kDirectory);
  }
  static constexpr const char* kDirectory = "/run/tunneld";
  TemporaryRunDirectory directory_;
};

TEST_F(SharedLockTest, GoesWithTheDirectoryThatWasMadeForIt) {
  {
    const auto lock = SharedLock::take("some-lock", 0ms);
    ASSERT_TRUE(lock);
    EXPECT_TRUE(fs::exists("/run/tunneld/some-lock"));
    // Held, whoever asks.
    EXPECT_FALSE(SharedLock::take("some-lock", 0ms));
  }
  EXPECT_FALSE(fs::exists(kDirectory));
}

TEST_F(SharedLockTest, LeavesADirectoryThatWasThereOrIsUsed) {
  fs::create_directory(kDirectory);
  { const auto lock = SharedLock::take("some-lock", 0ms); }
  EXPECT_TRUE(fs::exists(kDirectory));
  fs::remove(kDirectory);
  {
    const auto lock = SharedLock::take("some-lock", 0ms);
    write_file("/run/tunneld/tun0.journal", "");
  }
  EXPECT_TRUE(fs::exists("/run/tunneld/tun0.journal"));
  fs::remove_all(kDirectory);
}

TEST_F(SharedLockTest, LeavesTheRunDirectoryOfADaemonThatHasNoOther) {
  unsetenv("TUNNELD_RUN_DIR");
  { const auto lock = SharedLock::take("some-lock", 0ms); }
  EXPECT_TRUE(fs::exists(kDirectory));
  fs::remove(kDirectory);
}

}  // namespace
}  // namespace tunneld::daemon
