// Ethernet frames among several taps: what the hub of a star floods, forwards and keeps from its spokes.
#include "tests/simulation/tap_node.h"

namespace tunneld::simulation {
namespace {

struct Hub {
  explicit Hub(std::uint64_t seed, const protocol::SwitchSettings& settings = {})
      : network(seed), hub(network, "192.0.2.9:9999", settings) {
    for (int n = 1; n <= 3; ++n) {
      spokes.push_back(std::make_unique<TapNode>(network, "192.0.2." + std::to_string(n) + ":1111"));
      ids.push_back(hub.node.add_peer(spokes.back()->node, false));
      spokes.back()->node.add_peer(hub.node, true);
    }
    for (std::uint8_t n = 1; n <= 3; ++n) spokes[n - 1]->send(frame(mac(n), kBroadcast, n));
    network.run_for(1s);
    hub.received.clear();
    for (auto& spoke : spokes) spoke->received.clear();
  }
  Network network;
  TapNode hub;
  std::vector<std::unique_ptr<TapNode>> spokes;
  std::vector<protocol::PeerId> ids;
};

TEST(EthernetHub, SpokesSeeTheHubOnly) {
  Hub star(7);
  star.spokes[0]->send(frame(mac(1), kBroadcast, 10));
  star.spokes[0]->send(frame(mac(1), mac(2), 11));
  star.spokes[0]->send(frame(mac(1), mac(9), 12));
  star.network.run_for(1s);
  EXPECT_EQ(star.hub.ids(), (Ids{10, 12})) << "a known station of another spoke is nobody's business here";
  EXPECT_TRUE(star.spokes[1]->received.empty());
  EXPECT_TRUE(star.spokes[2]->received.empty());
  EXPECT_EQ(star.hub.dropped(Drop::kNotForwarded), 1U);
  star.hub.send(frame(mac(9), mac(2), 13));
  star.hub.send(frame(mac(9), kBroadcast, 14));
  star.network.run_for(1s);
  EXPECT_EQ(star.spokes[0]->ids(), Ids{14});
  EXPECT_EQ(star.spokes[1]->ids(), (Ids{13, 14}));
  EXPECT_EQ(star.spokes[2]->ids(), Ids{14});
}

TEST(EthernetHub, ClientToClientOpensIt) {
  Hub star(8, {.client_to_client = true});
  star.spokes[0]->send(frame(mac(1), kBroadcast, 10));
  star.spokes[0]->send(frame(mac(1), mac(2), 11));
  star.spokes[0]->send(frame(mac(1), mac(9), 12));
  star.network.run_for(1s);
  EXPECT_EQ(star.hub.ids(), (Ids{10, 12}));
  EXPECT_EQ(star.spokes[0]->ids(), Ids{}) << "nothing comes back";
  EXPECT_EQ(star.spokes[1]->ids(), (Ids{10, 11, 12}));
  EXPECT_EQ(star.spokes[2]->ids(), (Ids{10, 12}));
  EXPECT_EQ(star.network.violation, "");
}

TEST(EthernetHub, AStormOfOnePeerIsLimitedAndOthersAreHeard) {
  Hub star(12, {.client_to_client = true, .floods_per_second = 50});
  star.network.run_for(2s);
  for (std::uint64_t id = 100; id < 1100; ++id) star.spokes[0]->send(frame(mac(1), kBroadcast, id));
  star.spokes[1]->send(frame(mac(2), kBroadcast, 7));
  star.network.run_for(500ms);
  EXPECT_GE(star.hub.dropped(Drop::kFloodLimit), 900U);
  EXPECT_LE(star.spokes[2]->received.size(), 100U);
  EXPECT_GE(star.spokes[2]->received.size(), 50U);
  const Ids heard = star.spokes[2]->ids();
  EXPECT_EQ(std::ranges::count(heard, 7U), 1);
  // A fast stream to one station is not a storm.
  star.spokes[2]->received.clear();
  for (std::uint64_t id = 2000; id < 2500; ++id) star.spokes[0]->send(frame(mac(1), mac(3), id));
  star.network.run_for(500ms);
  EXPECT_EQ(star.spokes[2]->received.size(), 500U);
}

TEST(EthernetHub, StationsThatFollowEachOtherInABatchGoTheirOwnWays) {
  // The switch is asked once for a run of frames with equal addresses: never for two stations or two VLANs.
  Hub star(13, {.client_to_client = true});
  std::vector<std::uint8_t> tagged = frame(mac(1), mac(3), 0, 60);
  store_be16(&tagged[12], 0x8100);
  store_be16(&tagged[14], 7);  // nobody knows mac(3) in VLAN 7
  for (std::uint64_t id = 10; id < 30; id += 5) {
    star.spokes[0]->send(frame(mac(1), mac(2), id));
    star.spokes[0]->send(frame(mac(1), mac(2), id + 1));
    star.spokes[0]->send(frame(mac(1), mac(3), id + 2));
    star.spokes[0]->send(tagged);
    star.spokes[0]->send(frame(mac(1), kBroadcast, id + 4));
  }
  star.network.run_for(1s);
  EXPECT_EQ(star.spokes[1]->ids().size(), 4U * 4);
  EXPECT_EQ(star.spokes[2]->ids().size(), 4U * 3);
  EXPECT_EQ(star.hub.ids().size(), 4U * 2);
}

TEST(EthernetHub, AFloodToManyPeersGoesOnWhereTheBufferWasFull) {
  Network network(9);
  TapNode hub(network, "192.0.2.9:9999");
  std::vector<std::unique_ptr<TapNode>> spokes;
  for (int n = 1; n <= 8; ++n) {
    spokes.push_back(std::make_unique<TapNode>(network, "192.0.2." + std::to_string(n) + ":1111"));
    hub.node.add_peer(spokes.back()->node, false);
    spokes.back()->node.add_peer(hub.node, true);
    spokes.back()->send(frame(mac(static_cast<std::uint8_t>(n)), kBroadcast, 1));
  }
  network.run_for(1s);
  hub.node.plane.mtu.store(65000);
  const auto large = frame(mac(9), kBroadcast, 2, 60'000);  // eight of them do not fit
  hub.send(large);
  hub.send(frame(mac(9), kBroadcast, 3));
  network.run_for(1s);
  for (const auto& spoke : spokes) {
    ASSERT_EQ(spoke->ids(), (Ids{2, 3}));
    EXPECT_EQ(spoke->received[0], large);
  }
}

/// Both spokes are on one network: each hears what a station there sends.
struct JoinedSpokes : Hub {
  explicit JoinedSpokes(std::uint64_t seed) : Hub(seed, {.client_to_client = true}) {}
  void say(const std::vector<std::uint8_t>& bytes) {
    spokes[0]->send(bytes);
    spokes[1]->send(bytes);
  }
  void run_for(Duration duration) {
    for (const Instant end = network.now().boot + duration; network.now().boot < end;) {
      network.run_for(100ms);
      const auto heard_by_one = std::exchange(spokes[0]->received, {});
      const auto heard_by_other = std::exchange(spokes[1]->received, {});
      for (const auto& bytes : heard_by_one) spokes[1]->send(bytes);
      for (const auto& bytes : heard_by_other) spokes[0]->send(bytes);
    }
  }
};

TEST(EthernetHub, ALoopBetweenTwoSpokesIsSeenWithinSecondsAndOnce) {
  JoinedSpokes star(14);
  star.say(frame(mac(5), kBroadcast, 1));
  star.run_for(20s);
  const auto loops = star.hub.node.plane.ethernet->loops();
  ASSERT_EQ(loops.size(), 1U);
  EXPECT_EQ(loops[0].one, std::min(star.ids[0], star.ids[1]));
  EXPECT_EQ(loops[0].other, std::max(star.ids[0], star.ids[1]));
  EXPECT_EQ(loops[0].station.address, mac(5));
  EXPECT_EQ(star.hub.node.count<Event::Loop>(), 1U);
  // One of the two links is removed.
  star.network.run_for(60s);
  EXPECT_TRUE(star.hub.node.plane.ethernet->loops().empty());
  EXPECT_EQ(star.hub.node.count<Event::Loop>(), 1U);
}

TEST(EthernetHub, AStationThatMovesIsNoLoop) {
  Hub star(15, {.client_to_client = true});
  for (std::uint64_t id = 0; id < 600; ++id) {
    star.spokes[id / 50 % 2]->send(frame(mac(5), kBroadcast, id));  // every five seconds, elsewhere
    star.network.run_for(100ms);
  }
  EXPECT_TRUE(star.hub.node.plane.ethernet->loops().empty());
  EXPECT_EQ(star.hub.node.count<Event::Loop>(), 0U);
}

TEST(EthernetHub, ARemovedPeersStationsAreForgotten) {
  Hub star(10);
  EXPECT_EQ(star.hub.node.plane.ethernet->stations(), 3U);
  star.hub.node.tunnel->change_peers({.removed = {star.ids[1]}, .allowed_ips = {}, .added = {}},
                                     star.network.now());
  EXPECT_EQ(star.hub.node.plane.ethernet->stations(), 2U);
  star.hub.send(frame(mac(9), mac(2), 1));
  star.network.run_for(1s);
  EXPECT_EQ(star.spokes[0]->ids(), Ids{1}) << "unknown now: flooded";
}

}  // namespace
}  // namespace tunneld::simulation
