// Which ways lead over the tunnel's own bridge, as the kernel would take them.
#include "daemon/host/bridge_guard.h"

#include <gtest/gtest.h>

#include "common/net/interface_name.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::daemon {
namespace {

net::Endpoint at(const char* address, std::uint32_t local_interface = 0) {
  return {.remote = {.address = net::IpAddress::parse(address).value(), .port = 51820},
          .local = std::nullopt,
          .local_interface = local_interface};
}

/// br0 (10.1.0.1/24) with the port eth1, the tap's stand-in tap0, and eth0 (10.9.0.1/24) beside it.
class BridgeGuardTest : public net::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    net::shell("ip link add br0 type bridge && ip link set br0 up && ip addr add 10.1.0.1/24 dev br0");
    for (const char* name : {"eth0", "eth1", "tap0"})
      net::shell("ip link add " + std::string(name) + " type veth peer name far-" + name);
    net::shell("ip link set eth1 master br0 up && ip link set tap0 master br0 up");
    net::shell("ip link set eth0 up && ip link set far-eth0 up && ip addr add 10.9.0.1/24 dev eth0");
    guard_ = std::make_unique<BridgeGuard>("tap0", "br0", std::vector<std::string>{"eth1"});
  }
  std::string refusal(const net::Endpoint& endpoint) { return guard_->refuses(endpoint).value_or(""); }

  std::unique_ptr<BridgeGuard> guard_;
};

TEST_F(BridgeGuardTest, AWayOverTheBridgeIsRefusedAndNamed) {
  EXPECT_EQ(refusal(at("10.1.0.7")), "the route to it leads through br0, the bridge of tap0");
  EXPECT_EQ(refusal(at("10.9.0.7")), "");
}

TEST_F(BridgeGuardTest, SoIsAWayThroughAPortOrTheTunnelItself) {
  net::shell("ip route add 192.0.2.0/24 dev eth1 && ip route add 198.51.100.0/24 dev tap0");
  EXPECT_NE(refusal(at("192.0.2.1")).find("eth1"), std::string::npos);
  EXPECT_EQ(refusal(at("198.51.100.1")), "the route to it leads through tap0, the tunnel itself");
}

TEST_F(BridgeGuardTest, ALinkThatStandsOnThePortLeadsThereToo) {
  // Not every kernel has all of them.
  const char* kinds =
      "for kind in 'vlan id 5' 'macvlan mode private' 'ipvlan mode l2'; do"
      " ip link add link eth1 name above type $kind 2>/dev/null && exit 0; done; exit 1";
  if (std::system(kinds) != 0) GTEST_SKIP() << "this kernel has no links that stand on others";
  net::shell("ip link set far-eth1 up && ip link set above up && ip addr add 10.5.0.1/24 dev above");
  EXPECT_NE(refusal(at("10.5.0.7")).find("above"), std::string::npos);
}

TEST_F(BridgeGuardTest, WhoCallsInByTheBridgeIsRefusedWhereverTheWayBackLeads) {
  const std::uint32_t bridge = net::interface_index("br0").value();
  EXPECT_EQ(refusal(at("10.9.0.7", bridge)), "its packets come in through br0, the bridge of tap0");
  EXPECT_EQ(refusal(at("10.9.0.7", net::interface_index("eth0").value())), "");
}

TEST_F(BridgeGuardTest, WithoutAWayNothingIsSentAndNothingRefused) {
  EXPECT_EQ(refusal(at("203.0.113.1")), "");
}

TEST_F(BridgeGuardTest, WhatItHasFoundHoldsUntilTheWaysChange) {
  EXPECT_EQ(refusal(at("192.0.2.1")), "");
  net::shell("ip route add 192.0.2.0/24 via 10.1.0.254");
  EXPECT_EQ(refusal(at("192.0.2.1")), "") << "each packet asks the kernel";
  guard_->forget();
  EXPECT_NE(refusal(at("192.0.2.1")), "");
}

TEST_F(BridgeGuardTest, TheMarkOfTheOuterPacketsDecidesTheWay) {
  net::shell("ip rule add fwmark 7 table 77 && ip route add 10.9.0.0/24 dev br0 table 77");
  EXPECT_EQ(refusal(at("10.9.0.7")), "");
  guard_->set_mark(7);
  EXPECT_EQ(refusal(at("10.9.0.7")), "the route to it leads through br0, the bridge of tap0");
}

}  // namespace
}  // namespace tunneld::daemon
