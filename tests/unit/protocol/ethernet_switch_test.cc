#include "common/protocol/ethernet_switch.h"

#include <gtest/gtest.h>

namespace tunneld::protocol {
namespace {

using ToPeers = ForwardingDecision::ToPeers;
using std::chrono::seconds;

net::MacAddress mac(std::uint8_t last, std::uint8_t first = 2) {
  return net::MacAddress(std::array<std::uint8_t, 6>{first, 0, 0, 0, 0, last});
}
const net::MacAddress kBroadcast = *net::MacAddress::parse("ff:ff:ff:ff:ff:ff");

net::EthernetFrame frame(const net::MacAddress& from, const net::MacAddress& to, std::uint16_t vlan = 0) {
  return {.destination = to, .source = from, .vlan = vlan, .type = 0x0800, .header_length = 14};
}

class EthernetSwitchTest : public ::testing::Test {
 protected:
  EthernetSwitchTest() { routing_.links = {&a_, &b_, &c_}; }

  PeerLink a_{0, 1}, b_{1, 1}, c_{2, 1};
  RoutingTable routing_;
  EthernetSwitch switch_{{}, 1};
  Instant now_{seconds(1000)};
};

TEST_F(EthernetSwitchTest, FloodsTheUnknownAndSendsTheKnownToOne) {
  ForwardingDecision decision = switch_.from_device(frame(mac(100), mac(1)), routing_, now_);
  EXPECT_EQ(decision.to_peers, ToPeers::kAll);
  EXPECT_FALSE(decision.to_device);

  decision = switch_.from_peer(frame(mac(1), mac(100)), a_, routing_, now_);
  EXPECT_TRUE(decision.to_device);
  EXPECT_EQ(decision.to_peers, ToPeers::kNone);

  decision = switch_.from_device(frame(mac(100), mac(1)), routing_, now_);
  EXPECT_EQ(decision.to_peers, ToPeers::kOne);
  EXPECT_EQ(decision.peer, a_.id);

  decision = switch_.from_device(frame(mac(100), kBroadcast), routing_, now_);
  EXPECT_EQ(decision.to_peers, ToPeers::kAll);
}

TEST_F(EthernetSwitchTest, LearnsByVlan) {
  switch_.from_peer(frame(mac(1), mac(100), 7), a_, routing_, now_);
  EXPECT_EQ(switch_.from_device(frame(mac(100), mac(1), 7), routing_, now_).to_peers, ToPeers::kOne);
  EXPECT_EQ(switch_.from_device(frame(mac(100), mac(1), 8), routing_, now_).to_peers, ToPeers::kAll);
}

TEST_F(EthernetSwitchTest, ForgetsWhatWasNotHeardForLong) {
  switch_.change({.ageing = seconds(60)});
  switch_.from_peer(frame(mac(1), mac(100)), a_, routing_, now_);
  EXPECT_EQ(switch_.from_device(frame(mac(100), mac(1)), routing_, now_ + seconds(60)).to_peers,
            ToPeers::kOne);
  EXPECT_EQ(switch_.from_device(frame(mac(100), mac(1)), routing_, now_ + seconds(61)).to_peers,
            ToPeers::kAll);
  EXPECT_EQ(a_.stations.stations.load(), 1U);
  switch_.sweep(routing_, now_ + seconds(61));
  EXPECT_EQ(a_.stations.stations.load(), 0U);
  EXPECT_EQ(switch_.stations_at_device(), 1U) << "heard a moment ago";
}

TEST_F(EthernetSwitchTest, PeersDoNotSeeEachOtherUnlessTold) {
  switch_.from_peer(frame(mac(2), mac(100)), b_, routing_, now_);
  ForwardingDecision decision = switch_.from_peer(frame(mac(1), mac(2)), a_, routing_, now_);
  EXPECT_TRUE(decision.nowhere()) << "not even to the device";
  EXPECT_EQ(decision.reason, Drop::kNotForwarded);
  decision = switch_.from_peer(frame(mac(1), kBroadcast), a_, routing_, now_);
  EXPECT_TRUE(decision.to_device);
  EXPECT_EQ(decision.to_peers, ToPeers::kNone);

  switch_.change({.client_to_client = true});
  decision = switch_.from_peer(frame(mac(1), mac(2)), a_, routing_, now_);
  EXPECT_FALSE(decision.to_device);
  EXPECT_EQ(decision.to_peers, ToPeers::kOne);
  EXPECT_EQ(decision.peer, b_.id);
  decision = switch_.from_peer(frame(mac(1), mac(99)), a_, routing_, now_);
  EXPECT_TRUE(decision.to_device);
  EXPECT_EQ(decision.to_peers, ToPeers::kAll);
}

TEST_F(EthernetSwitchTest, NothingLeavesByThePortThatItCameInBy) {
  switch_.change({.client_to_client = true});
  switch_.from_peer(frame(mac(1), mac(100)), a_, routing_, now_);
  switch_.from_peer(frame(mac(2), mac(100)), a_, routing_, now_);
  EXPECT_TRUE(switch_.from_peer(frame(mac(1), mac(2)), a_, routing_, now_).nowhere());
  switch_.from_device(frame(mac(100), kBroadcast), routing_, now_);
  EXPECT_TRUE(switch_.from_device(frame(mac(101), mac(100)), routing_, now_).nowhere());
}

TEST_F(EthernetSwitchTest, AStationThatMovedIsFollowed) {
  switch_.from_peer(frame(mac(1), mac(100)), a_, routing_, now_);
  switch_.from_peer(frame(mac(1), mac(100)), b_, routing_, now_);
  EXPECT_EQ(switch_.from_device(frame(mac(100), mac(1)), routing_, now_).peer, b_.id);
  switch_.from_device(frame(mac(1), kBroadcast), routing_, now_);
  EXPECT_TRUE(switch_.from_device(frame(mac(100), mac(1)), routing_, now_).nowhere()) << "it is here now";
}

TEST_F(EthernetSwitchTest, AStationMayMoveAsOftenAsItLikes) {
  switch_.change({.stations_per_peer = 10});
  for (int n = 0; n < 2000; ++n) {
    PeerLink& at = n % 2 == 0 ? a_ : b_;
    switch_.from_peer(frame(mac(1), mac(100)), at, routing_, now_);
    ASSERT_EQ(switch_.from_device(frame(mac(100), mac(1)), routing_, now_).peer, at.id) << "move " << n;
  }
  for (int n = 0; n < 2000; ++n) {  // between the device and a peer, too
    switch_.from_device(frame(mac(1), mac(100)), routing_, now_);
    switch_.from_peer(frame(mac(1), mac(100)), a_, routing_, now_);
  }
  EXPECT_EQ(switch_.from_device(frame(mac(100), mac(1)), routing_, now_).peer, a_.id);
  EXPECT_EQ(a_.stations.stations.load(), 1U);
  EXPECT_EQ(b_.stations.stations.load(), 0U);
  EXPECT_EQ(switch_.stations_at_device(), 1U) << "the one that asks";
}

TEST_F(EthernetSwitchTest, AStationThatMovedToAFullPortIsFlooded) {
  switch_.set_peers(3);
  switch_.change({.stations_per_peer = 3});
  for (std::uint8_t n = 10; n < 13; ++n) switch_.from_peer(frame(mac(n), mac(100)), b_, routing_, now_);
  switch_.from_peer(frame(mac(1), mac(100)), a_, routing_, now_);
  switch_.from_peer(frame(mac(1), mac(100)), b_, routing_, now_);
  EXPECT_EQ(switch_.from_device(frame(mac(100), mac(1)), routing_, now_).to_peers, ToPeers::kAll);
  EXPECT_EQ(a_.stations.stations.load(), 0U);
}

TEST_F(EthernetSwitchTest, BoundStationsStayWhereTheyBelong) {
  routing_.mac_owners = MacOwners({{mac(1), a_.id}, {mac(2), a_.id}});
  // Known without having been heard.
  EXPECT_EQ(switch_.from_device(frame(mac(100), mac(1)), routing_, now_).peer, a_.id);
  // Nobody else may be them, and their owner nobody else.
  for (const auto& [peer, source, allowed] : {std::tuple(&a_, mac(1), true),
                                              {&a_, mac(2), true},
                                              {&a_, mac(3), false},
                                              {&b_, mac(1), false},
                                              {&b_, mac(3), true}}) {
    const ForwardingDecision decision = switch_.from_peer(frame(source, kBroadcast), *peer, routing_, now_);
    EXPECT_EQ(decision.to_device, allowed) << peer->id << ' ' << source.to_string();
    if (!allowed) {
      EXPECT_EQ(decision.reason, Drop::kSourceNotAllowed);
    }
  }
  switch_.from_device(frame(mac(1), kBroadcast), routing_, now_);
  EXPECT_EQ(switch_.from_device(frame(mac(100), mac(1)), routing_, now_).peer, a_.id);
}

TEST_F(EthernetSwitchTest, RefusesSourcesThatAreNoStation) {
  for (const net::MacAddress& source : {kBroadcast, mac(1, 3), mac(0, 0)}) {
    const ForwardingDecision decision = switch_.from_peer(frame(source, kBroadcast), a_, routing_, now_);
    EXPECT_TRUE(decision.nowhere());
    EXPECT_EQ(decision.reason, Drop::kInnerMalformed);
  }
}

TEST_F(EthernetSwitchTest, LimitsWhatAPeerHasFlooded) {
  switch_.change({.floods_per_second = 100});
  const auto passed = [&](PeerLink& peer, Instant at) {
    return !switch_.from_peer(frame(mac(1), kBroadcast), peer, routing_, at).nowhere();
  };
  int count = 0;
  for (int n = 0; n < 1000; ++n) count += passed(a_, now_);
  EXPECT_EQ(count, 100);
  EXPECT_EQ(switch_.from_peer(frame(mac(1), kBroadcast), a_, routing_, now_).reason, Drop::kFloodLimit);
  EXPECT_TRUE(passed(b_, now_)) << "each has a limit of its own";
  for (int n = 0; n < 1000; ++n) count += passed(a_, now_ + std::chrono::milliseconds(n));
  EXPECT_GE(count, 195);
  EXPECT_LE(count, 200);
  // Known stations are no flood.
  switch_.from_device(frame(mac(100), kBroadcast), routing_, now_);
  EXPECT_TRUE(switch_.from_peer(frame(mac(1), mac(100)), a_, routing_, now_).to_device);
}

TEST_F(EthernetSwitchTest, LimitsWhatTheDeviceHasFlooded) {
  switch_.set_peers(3);
  switch_.change({.floods_per_second = 100});
  switch_.from_peer(frame(mac(1), kBroadcast), a_, routing_, now_);
  const auto passed = [&](const net::MacAddress& to) {
    const ForwardingDecision decision = switch_.from_device(frame(mac(100), to), routing_, now_);
    EXPECT_TRUE(!decision.nowhere() || decision.reason == Drop::kFloodLimit);
    return !decision.nowhere();
  };
  int count = 0;
  for (int n = 0; n < 1000; ++n) count += passed(n % 2 == 0 ? kBroadcast : mac(99));
  EXPECT_EQ(count, 100);
  EXPECT_TRUE(passed(mac(1))) << "known";
  EXPECT_FALSE(switch_.from_peer(frame(mac(1), kBroadcast), a_, routing_, now_).nowhere())
      << "each port has a limit of its own";
  // To a single peer, a frame for an unknown station is one copy.
  switch_.set_peers(1);
  EXPECT_TRUE(passed(mac(99)));
  EXPECT_FALSE(passed(kBroadcast));
}

TEST_F(EthernetSwitchTest, NobodyElseIsTheDevice) {
  switch_.change({.client_to_client = true});
  switch_.set_own_address(mac(100));
  ForwardingDecision decision = switch_.from_peer(frame(mac(100), kBroadcast), a_, routing_, now_);
  EXPECT_TRUE(decision.nowhere());
  EXPECT_EQ(decision.reason, Drop::kSourceNotAllowed);
  // Known without having been heard.
  decision = switch_.from_peer(frame(mac(2), mac(100), 7), b_, routing_, now_);
  EXPECT_TRUE(decision.to_device);
  EXPECT_EQ(decision.to_peers, ToPeers::kNone);
}

TEST_F(EthernetSwitchTest, NobodyElseIsTheBridgeOrAPortOfIt) {
  Quiescence quiescence;
  switch_.set_peers(3);
  switch_.set_own_address(mac(100));
  switch_.from_peer(frame(mac(102), kBroadcast), a_, routing_, now_);
  switch_.set_host_addresses({mac(102), mac(101)}, quiescence);
  for (const auto& own : {mac(100), mac(101), mac(102)}) {
    const ForwardingDecision decision = switch_.from_peer(frame(own, kBroadcast), a_, routing_, now_);
    EXPECT_TRUE(decision.nowhere()) << own.to_string();
    EXPECT_EQ(decision.reason, Drop::kSourceNotAllowed);
    const ForwardingDecision here = switch_.from_peer(frame(mac(2), own, 7), b_, routing_, now_);
    EXPECT_TRUE(here.to_device) << own.to_string();
    EXPECT_EQ(here.to_peers, ToPeers::kNone);
    EXPECT_TRUE(switch_.from_device(frame(mac(9), own), routing_, now_).nowhere())
        << own.to_string() << ": where it was learned before does not count";
  }
  // The bridge has another one now.
  switch_.set_host_addresses({mac(103)}, quiescence);
  EXPECT_FALSE(switch_.from_peer(frame(mac(101), kBroadcast), a_, routing_, now_).nowhere());
  EXPECT_TRUE(switch_.from_peer(frame(mac(103), kBroadcast), a_, routing_, now_).nowhere());
}

TEST_F(EthernetSwitchTest, AFloodOfSourcesLeavesTheOthersAlone) {
  switch_.change({.stations_per_peer = 50});
  switch_.from_peer(frame(mac(7), mac(100)), b_, routing_, now_);
  for (std::uint32_t n = 0; n < 100'000; ++n) {
    std::array<std::uint8_t, 6> bytes{6};
    store_be32(&bytes[2], n);
    switch_.from_peer(frame(net::MacAddress(bytes), mac(100)), a_, routing_, now_);
  }
  EXPECT_EQ(a_.stations.stations.load(), 50U);
  EXPECT_EQ(switch_.stations(), 51U);
  EXPECT_EQ(switch_.from_device(frame(mac(100), mac(7)), routing_, now_).peer, b_.id);
  switch_.from_peer(frame(mac(8), mac(100)), b_, routing_, now_);
  EXPECT_EQ(switch_.from_device(frame(mac(100), mac(8)), routing_, now_).peer, b_.id) << "still learns";
  switch_.forget(a_.id);
  EXPECT_EQ(switch_.stations(), 3U) << "two of b, and the device's";
}

}  // namespace
}  // namespace tunneld::protocol
