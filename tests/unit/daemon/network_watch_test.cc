#include "daemon/network_watch.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/unit/daemon/kept_device_fixture.h"

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
  for (int i = 0; i < 40; ++i) {
    net::shell(i % 2 == 0 ? "ip address add 10.52.0.1/24 dev other"
                          : "ip address del 10.52.0.1/24 dev other");
    io.run_for(40ms);
  }
  EXPECT_GE(changes, 2);
  EXPECT_LE(changes, 6);
}

}  // namespace
}  // namespace tunneld::daemon
