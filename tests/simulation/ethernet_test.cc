// Ethernet frames between taps: agreed on by HELLO, switched, and never half connected with anybody else.
#include "common/protocol/ethernet_message.h"
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

using protocol::Drop;
using protocol::Layer2;
using Kind = protocol::Event::Kind;

constexpr protocol::TunnelOptions kTap{
    .extension = true, .fast_cipher = true, .capabilities = {.config = false, .tap = true}};

net::MacAddress mac(std::uint8_t last) {
  return net::MacAddress(std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, last});
}
const net::MacAddress kBroadcast = *net::MacAddress::parse("ff:ff:ff:ff:ff:ff");

/// A frame of no protocol that anybody knows, whose payload begins with `id`.
std::vector<std::uint8_t> frame(const net::MacAddress& from, const net::MacAddress& to, std::uint64_t id,
                                std::size_t payload = 46) {
  std::vector<std::uint8_t> bytes(14 + payload);
  std::memcpy(bytes.data(), to.bytes().data(), 6);
  std::memcpy(&bytes[6], from.bytes().data(), 6);
  store_be16(&bytes[12], 0x88b5);  // IEEE's for experiments
  store_le(&bytes[14], id);
  return bytes;
}

/// A node with a switch, whose device collects frames.
struct TapNode {
  TapNode(Network& network, const std::string& outside, const protocol::SwitchSettings& settings = {},
          const protocol::TunnelOptions& options = kTap)
      : node(network, outside, "10.0.0." + outside.substr(outside.find(':') - 1, 1), options),
        onward(node.plane, 1) {
    node.plane.ethernet = std::make_unique<protocol::EthernetSwitch>(settings, 1);
    node.on_packet = [this](std::span<const iovec> parts) {
      std::vector<std::uint8_t> bytes;
      for (const iovec& part : parts) {
        const auto* at = static_cast<const std::uint8_t*>(part.iov_base);
        bytes.insert(bytes.end(), at, at + part.iov_len);
      }
      received.push_back(std::move(bytes));
    };
    node.on_forward = [this](const protocol::ForwardedFrame& forwarded) {
      onward.begin(node.network.now().boot);
      EXPECT_TRUE(onward.forward(forwarded));
      transmit(onward);
    };
  }
  void send(std::vector<std::uint8_t> bytes) {
    node.outbound.begin(node.network.now().boot);
    while (!node.outbound.add({}, bytes)) {
      transmit(node.outbound);
      node.outbound.begin(node.network.now().boot);
    }
    transmit(node.outbound);
    node.turn();
  }
  void transmit(protocol::Outbound& path) {
    for (const protocol::SealedRun& run : path.finish()) {
      oversize += run.oversize;
      for (std::size_t at = 0; at < run.bytes.size(); at += run.segment_size) {
        node.network.transmit(node, *run.endpoint,
                              run.bytes.subspan(at, std::min(run.segment_size, run.bytes.size() - at)));
      }
    }
  }
  [[nodiscard]] std::vector<std::uint64_t> ids() const {
    std::vector<std::uint64_t> all;
    for (const auto& bytes : received) all.push_back(load_le<std::uint64_t>(&bytes[14]));
    return all;
  }
  [[nodiscard]] std::uint64_t dropped(Drop reason) const { return total(node, reason); }
  static std::uint64_t total(const Node& node, Drop reason) {
    std::uint64_t sum = 0;
    for (const auto& drops : node.plane.drops) sum += drops.get(reason);
    return sum;
  }

  Node node;
  protocol::Outbound onward;
  std::vector<std::vector<std::uint8_t>> received;
  std::size_t oversize = 0;
};

using Ids = std::vector<std::uint64_t>;

struct TapPair {
  explicit TapPair(std::uint64_t seed)
      : network(seed), a(network, "192.0.2.1:1111"), b(network, "192.0.2.2:2222") {
    b_at_a = a.node.add_peer(b.node, true);
    a_at_b = b.node.add_peer(a.node, false);
  }
  Network network;
  TapNode a, b;
  protocol::PeerId b_at_a{}, a_at_b{};
};

TEST(Ethernet, FramesArriveWholeAndInOrderAlsoThoseThatWaitedForTheSession) {
  TapPair pair(1);
  std::vector<std::vector<std::uint8_t>> sent;
  Ids expected;
  for (std::uint64_t id = 0; id < 100; ++id) {
    sent.push_back(frame(mac(1), id % 3 == 0 ? kBroadcast : mac(2), id, 46 + id * 13));
    expected.push_back(id);
    pair.a.send(sent.back());
    pair.network.run_for(id < 20 ? 2ms : 100ms);
  }
  pair.network.run_for(1s);
  EXPECT_EQ(pair.b.ids(), expected);
  EXPECT_EQ(pair.b.received, sent);
  pair.b.send(frame(mac(2), mac(1), 7));
  pair.network.run_for(1s);
  EXPECT_EQ(pair.a.ids(), Ids{7});
  EXPECT_EQ(pair.a.dropped(Drop::kWrongLayer) + pair.b.dropped(Drop::kWrongLayer), 0U);
  EXPECT_EQ(pair.network.violation, "");
}

TEST(Ethernet, AlignsTheInnerIpHeader) {
  std::array<std::uint8_t, protocol::kEthernetPrefix> prefix{};
  protocol::write_ethernet_prefix(prefix.data(), 60);
  EXPECT_EQ(prefix, (std::array<std::uint8_t, 6>{0x01, 0x05, 62, 0, 0, 0}));
  EXPECT_EQ((16 + prefix.size() + net::kEthernetHeader) % 4, 0U);
}

TEST(Ethernet, GoesOnOverRenewedSessions) {
  TapPair pair(2);
  Ids expected;
  for (std::uint64_t id = 0; id < 1200; ++id) {
    pair.a.send(frame(mac(1), mac(2), id));
    expected.push_back(id);
    pair.network.run_for(500ms);
  }
  EXPECT_EQ(pair.b.ids(), expected);
  EXPECT_GE(pair.network.handshakes, 5U);
  EXPECT_EQ(pair.network.violation, "");
}

TEST(Ethernet, AnyTruncationIsRefused) {
  // The message ETHERNET itself, cut at every place and with every wrong length.
  const auto whole = frame(mac(1), kBroadcast, 2);
  std::vector<std::uint8_t> plain(protocol::kEthernetPrefix + whole.size());
  protocol::write_ethernet_prefix(plain.data(), whole.size());
  std::copy(whole.begin(), whole.end(), plain.begin() + protocol::kEthernetPrefix);
  for (std::size_t size = 2; size <= plain.size(); ++size) {
    std::vector<std::uint8_t> cut(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_TRUE(protocol::is_ethernet(cut));
    EXPECT_EQ(protocol::ethernet_in(cut).has_value(), size == plain.size());
  }
  for (std::uint16_t length = 0; length < 200; ++length) {
    std::vector<std::uint8_t> lying = plain;
    store_le(&lying[2], length);
    const auto found = protocol::ethernet_in(lying);
    ASSERT_EQ(found.has_value(), length >= 2 && length <= plain.size() - 4);
    if (found) {
      EXPECT_EQ(found->size(), length - 2U);
    }
  }
}

TEST(Ethernet, ATunAndATapRefuseEachOtherByName) {
  for (const bool tap_calls : {true, false}) {
    Network network(4);
    TapNode tap(network, "192.0.2.1:1111");
    Node tun(network, "192.0.2.2:2222", "10.0.0.2", kFast);
    const auto tun_at_tap = tap.node.add_peer(tun, tap_calls);
    const auto tap_at_tun = tun.add_peer(tap.node, !tap_calls);
    for (std::uint64_t id = 0; id < 20; ++id) {
      if (tap_calls || id > 0) tap.send(frame(mac(1), kBroadcast, id));
      if (!tap_calls || id > 0) tun.send(tap.node, id);
      network.run_for(100ms);
    }
    EXPECT_EQ(tap.node.tunnel->peer(tun_at_tap).link().layer2.load(), Layer2::kRefused);
    EXPECT_EQ(tun.tunnel->peer(tap_at_tun).link().layer2.load(), Layer2::kRefused);
    EXPECT_EQ(tap.node.count(Kind::kLayer2Refused), 1U);
    EXPECT_EQ(tun.count(Kind::kLayer2Refused), 1U);
    EXPECT_TRUE(tap.received.empty());
    EXPECT_TRUE(tun.delivered.empty());
    EXPECT_GT(tap.dropped(Drop::kWrongLayer), 10U);
    EXPECT_GT(TapNode::total(tun, Drop::kWrongLayer), 10U);
  }
}

TEST(Ethernet, AStockPeerIsRefusedWhenItsHelloIsOverdue) {
  for (const bool tap_calls : {true, false}) {
    Network network(5);
    TapNode tap(network, "192.0.2.1:1111");
    Node stock(network, "192.0.2.2:2222", "10.0.0.2");
    const auto id = tap.node.add_peer(stock, tap_calls);
    stock.add_peer(tap.node, !tap_calls);
    if (tap_calls) {
      tap.send(frame(mac(1), kBroadcast, 1));
    } else {
      stock.send(tap.node, 1);
    }
    network.run_for(1s);
    EXPECT_EQ(tap.node.tunnel->peer(id).link().layer2.load(), Layer2::kUnknown);
    network.run_for(9s);
    EXPECT_EQ(tap.node.tunnel->peer(id).link().layer2.load(), Layer2::kRefused);
    EXPECT_EQ(tap.node.count(Kind::kLayer2Refused), 1U);
    tap.send(frame(mac(1), kBroadcast, 2));
    EXPECT_GT(tap.dropped(Drop::kWrongLayer), 0U);
    EXPECT_TRUE(tap.received.empty());
    EXPECT_TRUE(stock.delivered.empty());
  }
}

// A peer that sends frames although nobody has agreed to any: by mistake, or to see what happens.
TEST(Ethernet, FramesOfAPeerThatMayNotSendThemAreDroppedAndCounted) {
  Network network(11);
  TapNode rude(network, "192.0.2.1:1111");
  Node tun(network, "192.0.2.2:2222", "10.0.0.2", kFast);
  TapNode tap(network, "192.0.2.3:3333");
  const auto tun_at_rude = rude.node.add_peer(tun, true);
  const auto rude_at_tun = tun.add_peer(rude.node, false);
  const auto tap_at_rude = rude.node.add_peer(tap.node, true);
  const auto rude_at_tap = tap.node.add_peer(rude.node, false);
  rude.send(frame(mac(1), kBroadcast, 1));
  network.run_for(1s);
  ASSERT_EQ(rude.node.tunnel->peer(tun_at_rude).link().layer2.load(), Layer2::kRefused);
  ASSERT_EQ(rude.node.tunnel->peer(tap_at_rude).link().layer2.load(), Layer2::kReady);
  EXPECT_EQ(tap.ids(), Ids{1});

  rude.node.tunnel->peer(tun_at_rude).link().layer2.store(Layer2::kReady);
  const auto at_tun = TapNode::total(tun, Drop::kWrongLayer);
  for (std::uint64_t id = 2; id < 12; ++id) rude.send(frame(mac(1), kBroadcast, id));
  network.run_for(1s);
  EXPECT_EQ(TapNode::total(tun, Drop::kWrongLayer) - at_tun, 10U);
  EXPECT_TRUE(tun.delivered.empty());
  EXPECT_EQ(tun.tunnel->peer(rude_at_tun).link().layer2.load(), Layer2::kRefused)
      << "and no more than before";

  // The same at a tap, for a peer whose HELLO has said that it is none.
  tap.received.clear();
  tap.node.tunnel->peer(rude_at_tap).link().layer2.store(Layer2::kRefused);
  for (std::uint64_t id = 12; id < 22; ++id) rude.send(frame(mac(1), kBroadcast, id));
  network.run_for(1s);
  EXPECT_EQ(tap.dropped(Drop::kWrongLayer), 10U);
  EXPECT_TRUE(tap.received.empty());
  EXPECT_EQ(tap.node.plane.ethernet->stations(), 1U) << "what is refused is not learned from";
}

// The answer to a HELLO goes to the control thread, the frames behind it do not: they may be there before it,
// and where it is lost even a second before its repetition.
TEST(Ethernet, FramesRightBehindTheHelloAreTakenHoweverLateItIsHeard) {
  for (const bool hello_is_lost : {false, true}) {
    TapPair pair(14);
    const auto layer2 = [](TapNode& node, protocol::PeerId id) {
      return node.node.tunnel->peer(id).link().layer2.load();
    };
    std::vector<std::vector<std::uint8_t>> held;
    // From the responder's answer to the HELLO on, nothing is heard at once.
    pair.network.on_wire = [&](const Node& from, ByteView datagram) {
      if (&from != &pair.b.node || layer2(pair.b, pair.a_at_b) == Layer2::kUnknown) return true;
      held.emplace_back(datagram.begin(), datagram.end());
      return false;
    };
    pair.a.send(frame(mac(1), mac(2), 1));
    pair.network.run_for(500ms);
    ASSERT_EQ(layer2(pair.b, pair.a_at_b), Layer2::kReady);
    for (std::uint64_t id = 10; id < 13; ++id) pair.b.send(frame(mac(2), mac(1), id));
    pair.network.on_wire = nullptr;
    ASSERT_GE(held.size(), 3U);
    ASSERT_EQ(layer2(pair.a, pair.b_at_a), Layer2::kUnknown);
    if (hello_is_lost) held.erase(held.begin(), held.end() - 3);
    for (const auto& datagram : held) pair.a.node.receive(datagram, endpoint(pair.b.node.outside));
    EXPECT_EQ(pair.a.ids(), (Ids{10, 11, 12})) << "before the control thread has had a turn";
    pair.network.run_for(3s);
    EXPECT_EQ(layer2(pair.a, pair.b_at_a), Layer2::kReady);
    EXPECT_EQ(pair.b.ids(), Ids{1});
    EXPECT_EQ(pair.a.dropped(Drop::kWrongLayer) + pair.b.dropped(Drop::kWrongLayer), 0U);
  }
}

TEST(Ethernet, FramesThatAreLargerThanThePathLeaveWhole) {
  TapPair pair(6);
  pair.a.node.plane.mtu.store(9000);
  pair.a.send(frame(mac(1), kBroadcast, 1));
  pair.network.run_for(1s);
  const auto jumbo = frame(mac(1), kBroadcast, 2, 9000);
  pair.a.send(jumbo);
  pair.network.run_for(1s);
  ASSERT_EQ(pair.b.received.size(), 2U);
  EXPECT_EQ(pair.b.received[1], jumbo);
  EXPECT_EQ(pair.a.oversize, 1U);
  // What no datagram can carry is counted.
  pair.a.send(frame(mac(1), kBroadcast, 3, 65480));
  EXPECT_EQ(pair.a.dropped(Drop::kTooLarge), 1U);
}

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
  // A stream to one station is none of a storm's, however fast.
  star.spokes[2]->received.clear();
  for (std::uint64_t id = 2000; id < 2500; ++id) star.spokes[0]->send(frame(mac(1), mac(3), id));
  star.network.run_for(500ms);
  EXPECT_EQ(star.spokes[2]->received.size(), 500U);
}

TEST(EthernetHub, StationsThatFollowEachOtherInABatchGoTheirOwnWays) {
  // The switch is asked once for a row of equal frames: never for two stations, or two VLANs, at once.
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

/// What two spokes hear, and what a station there says, is on one network that both are on.
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
  EXPECT_EQ(star.hub.node.count(Kind::kLoop), 1U);
  // Somebody takes one of the two ways away.
  star.network.run_for(60s);
  EXPECT_TRUE(star.hub.node.plane.ethernet->loops().empty());
  EXPECT_EQ(star.hub.node.count(Kind::kLoop), 1U);
}

TEST(EthernetHub, AStationThatMovesIsNoLoop) {
  Hub star(15, {.client_to_client = true});
  for (std::uint64_t id = 0; id < 600; ++id) {
    star.spokes[id / 50 % 2]->send(frame(mac(5), kBroadcast, id));  // every five seconds, elsewhere
    star.network.run_for(100ms);
  }
  EXPECT_TRUE(star.hub.node.plane.ethernet->loops().empty());
  EXPECT_EQ(star.hub.node.count(Kind::kLoop), 0U);
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
