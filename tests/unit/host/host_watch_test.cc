// That what is not as it should be is looked at again, without anybody's asking.
#include "daemon/host/host_watch.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/net/system_clock.h"
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

// The tunnel's handshakes are answered by the same loop.
TEST_F(HostWatchTest, AProgramThatHangsHoldsUpNothingElseForLong) {
  install_resolvconf(kGoodResolvconf);
  host_->become(plan());
  watch_->follow_names();
  io_.run_for(200ms);
  install_resolvconf("echo $1 >> /etc/hangs; sleep 1000");
  std::filesystem::remove("/run/resolvconf/interface/kept");
  Duration longest{};
  Instant last = net::boot_now();
  boost::asio::steady_timer tick(io_);
  const std::function<void()> wait = [&] {
    tick.expires_after(50ms);
    tick.async_wait([&](const boost::system::error_code& error) {
      if (error) return;
      const Instant now = net::boot_now();
      longest = std::max(longest, now - last);
      last = now;
      wait();
    });
  };
  wait();
  io_.run_for(8s);
  longest = std::max(longest, net::boot_now() - last);
  EXPECT_EQ(read_file("/etc/hangs"), "-a\n");
  // A handshake is repeated after 5 s (kRekeyTimeout).
  EXPECT_LT(longest, 4s);
  // And what the program has done by then counts.
  install_resolvconf(kGoodResolvconf);
  EXPECT_EQ(watch_->repair_now(), "");
  tick.cancel();
  host_.reset();
  std::filesystem::remove_all("/run/resolvconf");
}

}  // namespace
}  // namespace tunneld::daemon
