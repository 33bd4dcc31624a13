#include "daemon/host/network_watch.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/timex.h>

#include "tests/unit/host/kept_device_fixture.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kOwn = 7;

net::IpPrefix prefix(const char* text) {
  return net::IpPrefix::parse(text).value();
}

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

class NetworkWatchTest : public KeptDeviceTest {};

TEST_F(NetworkWatchTest, ABurstIsOneChangeAndEndlessOnesAreToldTwiceASecond) {
  boost::asio::io_context io;
  int changes = 0;
  NetworkWatch watch(io, kOwn, [&changes](const std::string&) { ++changes; });
  io.run_for(200ms);
  changes = 0;
  net::shell("ip link set other down; ip link set other up; ip address add 10.51.0.1/24 dev other");
  io.run_for(400ms);
  EXPECT_EQ(changes, 1);
  changes = 0;
  // A busy machine may take longer between two of them than a burst lasts: then there are two bursts. When
  // the kernel told is not known better than by the turns of the loop before and after it.
  int pauses = 0;
  const auto start = std::chrono::steady_clock::now();
  auto last = start;
  auto turn = std::chrono::steady_clock::duration::zero();
  for (int i = 0; i < 40; ++i) {
    net::shell(i % 2 == 0 ? "ip address add 10.52.0.1/24 dev other"
                          : "ip address del 10.52.0.1/24 dev other");
    io.run_for(40ms);
    const auto now = std::chrono::steady_clock::now();
    const auto before = std::exchange(turn, now - std::exchange(last, now));
    if (before + turn >= 130ms) ++pauses;
  }
  EXPECT_GE(changes, 2);
  EXPECT_LE(changes, (last - start) / 500ms + 2 + pauses);
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
  boost::asio::io_context io;
  std::vector<std::string> changes;
  Duration slept = 5s;
  NetworkWatch watch(
      io, kOwn, [&changes](const std::string& what) { changes.push_back(what); }, [&slept] { return slept; });
  io.run_for(200ms);
  changes.clear();

  if (!shift_clock(1)) GTEST_SKIP() << "may not set the clock: " << std::strerror(errno);
  io.run_for(300ms);
  EXPECT_TRUE(changes.empty()) << "somebody has set the time";

  for (int resume = 0; resume < 2; ++resume) {
    changes.clear();
    slept += 1s;
    ASSERT_TRUE(shift_clock(-1));
    io.run_for(300ms);
    EXPECT_EQ(changes, std::vector<std::string>{"slept"}) << "resume " << resume;
  }
  ASSERT_TRUE(shift_clock(1));
}

}  // namespace
}  // namespace tunneld::daemon
