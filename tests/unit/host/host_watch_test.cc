// That what is not as it should be is looked at again, without anybody's asking.
#include "daemon/host/host_watch.h"

#include <chrono>
#include <optional>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/host/own_etc_fixture.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class HostWatchTest : public OwnEtcTest {
 protected:
  void SetUp() override {
    OwnEtcTest::SetUp();
    if (IsSkipped()) return;
    host_.emplace("kept");
    watch_.emplace(io_, *host_, "kept", 0);
  }
  void TearDown() override {
    watch_.reset();
    OwnEtcTest::TearDown();
  }
  /// Name servers of ours are asked.
  bool become_set() {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (read_file(kFile).find("nameserver 10.8.0.1\n") == std::string::npos) {
      if (std::chrono::steady_clock::now() > end) return false;
      io_.run_for(20ms);
    }
    return true;
  }

  boost::asio::io_context io_;
  std::optional<HostWatch> watch_;
};

TEST_F(HostWatchTest, NameServersThatCouldNotBeSetAreTriedAgainByItself) {
  set_read_only(true);
  host_->become(plan());
  watch_->follow_names();
  io_.run_for(50ms);
  set_read_only(false);
  EXPECT_TRUE(become_set());
}

TEST_F(HostWatchTest, WhatAReloadCouldNotPutBackIsTriedAgainByItself) {
  host_->become(plan());
  // Nothing is watched yet, so that the reload alone sees it.
  replace(kOthers);
  set_read_only(true);
  EXPECT_THAT(watch_->repair_now(), HasSubstr("missing on this host: dns 10.8.0.1"));
  set_read_only(false);
  EXPECT_TRUE(become_set());
}

// The one descriptor that is left is enough for inotify, and not for the copy of it that is waited for.
TEST_F(HostWatchTest, FilesThatCouldNotBeWatchedAreLookedAtAllTheSame) {
  host_->become(plan());
  const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(next, 0);
  close(next);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit one{.rlim_cur = static_cast<rlim_t>(next) + 1, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &one), 0);
  watch_->follow_names();
  io_.run_for(50ms);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  replace(kOthers);
  EXPECT_TRUE(become_set());
}

}  // namespace
}  // namespace tunneld::daemon
