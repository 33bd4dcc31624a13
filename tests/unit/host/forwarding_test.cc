#include "daemon/host/changes/forwarding.h"

#include <gtest/gtest.h>

#include "daemon/host/changes/sysctl.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::daemon {
namespace {

class ForwardingTest : public net::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    net::shell("ip link add uplink type veth peer name end && ip link add own type veth peer name own-end");
    net::shell("sysctl -qw net.ipv6.conf.uplink.accept_ra=1 net.ipv6.conf.end.accept_ra=0");
    net::Netlink netlink;
    ASSERT_EQ(on_.prepare(netlink), Preparation::kReady);
    on_.apply(netlink);
  }
  static std::string accept_ra(const std::string& name) {
    return read_sysctl("net/ipv6/conf/" + name + "/accept_ra").value_or("none");
  }
  void undo() const {
    net::Netlink netlink;
    EXPECT_EQ(on_.undo(netlink), Undone::kDone);
  }

 private:
  ForwardingOn on_{.family = net::Family::kIpv6, .own_interface = "own"};
};

TEST_F(ForwardingTest, OnlyInterfacesThatTakeRouterAdvertisementsGoOnTakingThem) {
  EXPECT_EQ(accept_ra("uplink"), "2");
  EXPECT_EQ(accept_ra("end"), "0");
  EXPECT_EQ(accept_ra("own"), "1");
  EXPECT_EQ(accept_ra("all"), "1");
  EXPECT_EQ(accept_ra("default"), "1");
  // A container's, say: a router's interface, which listens to nobody.
  net::shell("ip link add later type veth peer name later-end");
  EXPECT_EQ(accept_ra("later"), "1");
  EXPECT_EQ(read_sysctl("net/ipv6/conf/later/forwarding"), "1");
  undo();
  EXPECT_EQ(accept_ra("uplink"), "1");
  EXPECT_EQ(accept_ra("end"), "0");
  EXPECT_EQ(read_sysctl("net/ipv6/conf/later/forwarding"), "0");
}

TEST_F(ForwardingTest, WhatSomebodyElseHasSetMeanwhileStays) {
  net::shell("sysctl -qw net.ipv6.conf.uplink.accept_ra=0");
  undo();
  EXPECT_EQ(accept_ra("uplink"), "0");
}

}  // namespace
}  // namespace tunneld::daemon
