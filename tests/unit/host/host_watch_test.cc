// That what is not as it should be is looked at again, without anybody's asking.
#include "daemon/host/host_watch.h"

#include <cerrno>
#include <chrono>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/host/open_fault.h"
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

TEST_F(HostWatchTest, FilesThatCouldNotBeWatchedAreLookedAtAllTheSame) {
  host_->become(plan());
  copy_fault = EMFILE;
  watch_->follow_names();
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (copies_refused == 0 && std::chrono::steady_clock::now() < end) io_.run_for(20ms);
  copy_fault = 0;
  ASSERT_GT(copies_refused, 0);
  replace(kOthers);
  EXPECT_TRUE(become_set());
}

}  // namespace
}  // namespace tunneld::daemon
