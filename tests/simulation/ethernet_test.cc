// Ethernet frames between taps: negotiated by HELLO and switched; a tap never half connects with anything
// else.
#include "common/protocol/ethernet_message.h"
#include "tests/simulation/tap_node.h"

namespace tunneld::simulation {
namespace {

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
    EXPECT_EQ(tap.node.count<Event::Layer2Refused>(), 1U);
    EXPECT_EQ(tun.count<Event::Layer2Refused>(), 1U);
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
    EXPECT_EQ(tap.node.count<Event::Layer2Refused>(), 1U);
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

  rude.node.tunnel->change(tun_at_rude)->link().layer2.store(Layer2::kReady);
  const auto at_tun = TapNode::total(tun, Drop::kWrongLayer);
  for (std::uint64_t id = 2; id < 12; ++id) rude.send(frame(mac(1), kBroadcast, id));
  network.run_for(1s);
  EXPECT_EQ(TapNode::total(tun, Drop::kWrongLayer) - at_tun, 10U);
  EXPECT_TRUE(tun.delivered.empty());
  EXPECT_EQ(tun.tunnel->peer(rude_at_tun).link().layer2.load(), Layer2::kRefused)
      << "and no more than before";

  // The same at a tap, for a peer whose HELLO has said that it is not a tap.
  tap.received.clear();
  tap.node.tunnel->change(rude_at_tap)->link().layer2.store(Layer2::kRefused);
  for (std::uint64_t id = 12; id < 22; ++id) rude.send(frame(mac(1), kBroadcast, id));
  network.run_for(1s);
  EXPECT_EQ(tap.dropped(Drop::kWrongLayer), 10U);
  EXPECT_TRUE(tap.received.empty());
  EXPECT_EQ(tap.node.plane.ethernet->stations(), 1U) << "what is refused is not learned from";
}

// The answer to a HELLO goes to the control thread, the frames behind it do not. They may arrive before it,
// and if it is lost, even a second before its repetition.
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

}  // namespace
}  // namespace tunneld::simulation
