#include "daemon/host/network_watch.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/timex.h>

#include "tests/unit/addresses.h"
#include "tests/unit/host/kept_device_fixture.h"
#include "tests/unit/host/set_clock.h"
#include "tests/unit/run_until.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kOwn = 7;

TEST(NetworkWatch, WhatMattersAndWhatDoesNot) {
  using net::Happened;
  const auto means = [](const net::NetworkEvent& event) {
    return NetworkWatch::significance(event, kOwn).value_or("nothing");
  };
  EXPECT_EQ(means(net::LinkEvent{Happened::kSet, {.index = 2, .name = "eth0", .running = true}}),
            "link eth0 up");
  EXPECT_EQ(means(net::LinkEvent{Happened::kSet, {.index = 2, .name = "eth0"}}), "link eth0 down");
  EXPECT_EQ(means(net::LinkEvent{Happened::kSet, {.index = kOwn, .name = "tun0"}}), "nothing");
  EXPECT_EQ(means(net::AddressEvent{Happened::kRemoved, {2, prefix("192.0.2.1/24")}}),
            "address 192.0.2.1/24 gone");
  EXPECT_EQ(means(net::AddressEvent{Happened::kSet, {kOwn, prefix("10.8.0.1/24")}}), "nothing");
  EXPECT_EQ(
      means(net::RouteEvent{Happened::kSet, {.destination = prefix("0.0.0.0/0"), .interface_index = 2}}),
      "default route set");
  EXPECT_EQ(
      means(net::RouteEvent{Happened::kSet, {.destination = prefix("0.0.0.0/0"), .interface_index = kOwn}}),
      "nothing");
  EXPECT_EQ(
      means(net::RouteEvent{Happened::kSet, {.destination = prefix("10.0.0.0/8"), .interface_index = 2}}),
      "nothing");
  EXPECT_EQ(means(net::RuleEvent{Happened::kSet, {}}), "nothing");
  EXPECT_EQ(means(net::Resynchronise{}), "many changes at once");
}

class NetworkWatchTest : public KeptDeviceTest {
 protected:
  void SetUp() override {
    KeptDeviceTest::SetUp();
    if (IsSkipped()) return;
    // Link-local addresses change by themselves for some seconds.
    net::shell("for link in other end; do echo 1 > /proc/sys/net/ipv6/conf/$link/disable_ipv6; done");
  }
  /// Reads all that has come, and lets `time` pass.
  void pass(Duration time) {
    SetClock::read_all(io_);
    clock_.advance(time);
  }

  boost::asio::io_context io_;
  SetClock clock_;
};

TEST_F(NetworkWatchTest, ABurstIsOneChange) {
  int changes = 0;
  NetworkWatch watch(io_, clock_, kOwn, [&changes](const std::string&) { ++changes; });
  net::shell("ip address add 10.51.0.1/24 dev other; ip address add 10.51.1.1/24 dev other");
  pass(60ms);
  net::shell("ip address del 10.51.0.1/24 dev other");
  pass(99ms);
  EXPECT_EQ(changes, 0) << "it may go on";
  clock_.advance(1ms);
  EXPECT_EQ(changes, 1);
  clock_.advance(1s);
  EXPECT_EQ(changes, 1);
}

TEST_F(NetworkWatchTest, ABurstThatDoesNotEndIsToldTwiceASecond) {
  int changes = 0;
  NetworkWatch watch(io_, clock_, kOwn, [&changes](const std::string&) { ++changes; });
  for (int i = 0; i < 22; ++i) {
    net::shell(i % 2 == 0 ? "ip address add 10.51.0.1/24 dev other"
                          : "ip address del 10.51.0.1/24 dev other");
    pass(50ms);
  }
  EXPECT_EQ(changes, 2) << "in 1.1 s";
}

TEST_F(NetworkWatchTest, RoutesByWayOfOthersChangeNoNeighbours) {
  int changes = 0, neighbours = 0;
  NetworkWatch watch(io_, clock_, kOwn, [&changes](const std::string&) { ++changes; });
  watch.on_neighbours([&neighbours] { ++neighbours; });
  const auto after = [&](const char* command) {
    changes = 0;
    neighbours = 0;
    net::shell(command);
    pass(100ms);
    EXPECT_EQ(changes, 1) << command;
    return neighbours;
  };
  EXPECT_EQ(after("ip route add 10.61.0.0/16 via 10.50.0.2"), 0);
  EXPECT_EQ(after("ip route del 10.61.0.0/16"), 0);
  EXPECT_EQ(after("ip route add blackhole 10.62.0.0/16"), 0);
  EXPECT_EQ(after("ip rule add from 10.62.0.1 table main"), 0);
  EXPECT_EQ(after("ip route add default via 10.50.0.2"), 1);
  EXPECT_EQ(after("ip route add 10.61.0.0/16 dev other"), 1);
  EXPECT_EQ(after("ip route del 10.61.0.0/16"), 1);
  EXPECT_EQ(after("ip address add 10.51.0.1/24 dev other"), 1);
  EXPECT_EQ(after("ip link set other down"), 1);
}

/// Sets the clock as a resume does, by so little that nobody else minds. False where that is not permitted.
bool shift_clock(long nanoseconds) {
  timex shift{};
  shift.modes = ADJ_SETOFFSET | ADJ_NANO;
  shift.time.tv_sec = nanoseconds < 0 ? -1 : 0;
  shift.time.tv_usec = nanoseconds < 0 ? 1'000'000'000 + nanoseconds : nanoseconds;
  return adjtimex(&shift) >= 0;
}

TEST_F(NetworkWatchTest, AResumeIsAChangeAndANewTimeIsNot) {
  std::vector<std::string> changes;
  Duration slept = 5s;
  int asked = 0;
  NetworkWatch watch(
      io_, clock_, kOwn, [&changes](const std::string& what) { changes.push_back(what); },
      [&slept, &asked] {
        ++asked;
        return slept;
      });
  const auto is_noticed = [&] { return run_until(io_, [&, before = asked] { return asked > before; }); };

  if (!shift_clock(1)) GTEST_SKIP() << "may not set the clock: " << std::strerror(errno);
  EXPECT_TRUE(is_noticed());
  clock_.advance(1s);
  EXPECT_TRUE(changes.empty()) << "somebody has set the time";

  for (int resume = 0; resume < 2; ++resume) {
    changes.clear();
    slept += 1s;
    ASSERT_TRUE(shift_clock(-1));
    EXPECT_TRUE(is_noticed());
    clock_.advance(100ms);
    EXPECT_EQ(changes, std::vector<std::string>{"slept"}) << "resume " << resume;
  }
  ASSERT_TRUE(shift_clock(1));
}

}  // namespace
}  // namespace tunneld::daemon
