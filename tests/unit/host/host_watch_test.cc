// That what is not as it should be is looked at again, without anybody's asking.
#include "daemon/host/host_watch.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/net/system_clock.h"
#include "tests/unit/host/open_fault.h"
#include "tests/unit/host/own_etc_fixture.h"
#include "tests/unit/host/set_clock.h"

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
    watch_.emplace(io_, clock_, *host_, "kept", 0);
  }
  void TearDown() override {
    watch_.reset();
    OwnEtcTest::TearDown();
  }
  /// Name servers of ours are asked.
  bool become_set() {
    return clock_.advance_until(
        io_, 60s, [] { return read_file(kFile).find("nameserver 10.8.0.1\n") != std::string::npos; });
  }

  boost::asio::io_context io_;
  SetClock clock_;
  std::optional<HostWatch> watch_;
};

TEST_F(HostWatchTest, NameServersThatCouldNotBeSetAreTriedAgainByItself) {
  set_read_only(true);
  host_->become(plan());
  watch_->follow_names();
  clock_.advance(50ms);
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
  clock_.advance(50ms);
  copy_fault = 0;
  ASSERT_GT(copies_refused, 0);
  replace(kOthers);
  EXPECT_TRUE(become_set());
}

// The tunnel's handshakes are answered by the same loop.
TEST_F(HostWatchTest, AProgramThatHangsHoldsUpNothingElseForLong) {
  install_resolvconf(kGoodResolvconf);
  host_->become(plan());
  watch_->follow_names();
  clock_.advance(200ms);
  install_resolvconf("echo $1 >> /etc/hangs; sleep 1000");
  std::filesystem::remove("/run/resolvconf/interface/kept");
  Duration longest{};
  for (const Instant end = clock_.now() + 8s; clock_.now() < end;) {
    const Instant before = net::boot_now();
    SetClock::read_all(io_);
    clock_.advance(50ms);
    longest = std::max(longest, net::boot_now() - before);
  }
  EXPECT_EQ(read_file("/etc/hangs"), "-a\n");
  // A handshake is repeated after 5 s (kRekeyTimeout).
  EXPECT_LT(longest, 4s);
  // And what the program has done by then counts.
  install_resolvconf(kGoodResolvconf);
  EXPECT_EQ(watch_->repair_now(), "");
  host_.reset();
  std::filesystem::remove_all("/run/resolvconf");
}

}  // namespace
}  // namespace tunneld::daemon
