// What two tunnelds learn of each other by HELLO, frames in both directions, and the end of a session by BYE.
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

using protocol::Event;

struct Two {
  explicit Two(std::uint64_t seed, protocol::TunnelOptions a_options = kWireGuardCipher,
               protocol::TunnelOptions b_options = kWireGuardCipher)
      : network(seed),
        a(network, "192.0.2.1:1111", "10.0.0.1", a_options),
        b(network, "192.0.2.2:2222", "10.0.0.2", b_options) {
    b_at_a = a.add_peer(b, true);
    a_at_b = b.add_peer(a, false);
  }
  void meet() {
    a.send(b, 1);
    network.run_for(1s);
  }
  const protocol::Peer& peer_b() { return a.tunnel->peer(b_at_a); }
  const protocol::Peer& peer_a() { return b.tunnel->peer(a_at_b); }

  Network network;
  Node a, b;
  protocol::PeerId b_at_a{}, a_at_b{};
};

/// Seals `frame` at `from` and puts it on the wire.
bool say(Two& two, Node& from, protocol::PeerId to, const protocol::ControlFrame& frame) {
  protocol::Actions actions;
  const bool sent = from.tunnel->change(to)->send_frame(frame, two.network.now(), actions);
  for (const auto& datagram : actions.datagrams())
    two.network.transmit(from, datagram.to, actions.bytes(datagram));
  two.network.run_for(100ms);
  return sent;
}

TEST(Extension, BothSidesLearnWhatTheOtherIs) {
  protocol::TunnelOptions server = kWireGuardCipher;
  server.capabilities = {.config = true, .tap = true, .lanes = 4, .probe = true};
  Two two(1, kWireGuardCipher, server);
  two.meet();
  ASSERT_TRUE(two.peer_b().remote() && two.peer_a().remote());
  EXPECT_EQ(two.peer_b().remote()->capabilities, server.capabilities);
  EXPECT_EQ(two.peer_a().remote()->capabilities, protocol::Capabilities());
  EXPECT_NE(two.peer_a().remote()->instance, two.peer_b().remote()->instance);
  EXPECT_EQ(two.a.count<Event::Hello>(), 1U);
  EXPECT_EQ(two.b.count<Event::Hello>(), 1U);
}

TEST(Extension, EachSessionIsGreetedAndARestartIsNoticed) {
  Two two(2);
  two.meet();
  for (int i = 0; i < 300; ++i) {
    two.a.send(two.b, 2);
    two.network.run_for(1s);
    ASSERT_TRUE(two.peer_b().remote());
  }
  EXPECT_EQ(two.a.count<Event::Hello>(), 3U);
  EXPECT_EQ(two.a.count<Event::HelloLost>(), 0U);
  std::vector<bool> restarted;
  for (const auto& event : two.a.events) {
    if (const auto* hello = event.as<Event::Hello>()) restarted.push_back(hello->restarted);
  }
  EXPECT_EQ(restarted, (std::vector{true, false, false}));
}

TEST(Extension, StockPeersAndTunneldsThatWereToldNotToSayNothing) {
  for (const bool a_is_stock : {true, false}) {
    Two two(3, a_is_stock ? kStock : kWireGuardCipher, a_is_stock ? kWireGuardCipher : kStock);
    two.meet();
    EXPECT_FALSE(two.peer_a().remote());
    EXPECT_FALSE(two.peer_b().remote());
    EXPECT_TRUE(two.a.frames.empty() && two.b.frames.empty());
  }
}

TEST(Extension, APeerThatBecomesAStockOneIsForgotten) {
  Two two(4);
  two.meet();
  ASSERT_TRUE(two.peer_b().remote());
  // Swallows control frames from now on: small data messages that are no packets.
  two.network.on_wire = [](const Node&, ByteView datagram) {
    return protocol::classify(datagram) != MessageType::kData || datagram.size() == 32 + 48;
  };
  for (int i = 0; i < 140; ++i) {
    two.a.send(two.b, 2);
    two.network.run_for(1s);
  }
  EXPECT_FALSE(two.peer_b().remote());
  EXPECT_EQ(two.a.count<Event::HelloLost>(), 1U);
}

TEST(Extension, FramesArriveAndAreBounded) {
  Two two(5);
  EXPECT_FALSE(say(two, two.a, two.b_at_a, {protocol::FrameType::kConfigRequest, {{"serial", 7}}}));
  two.meet();
  EXPECT_TRUE(say(two, two.a, two.b_at_a, {protocol::FrameType::kConfigRequest, {{"serial", 7}}}));
  EXPECT_TRUE(say(two, two.b, two.a_at_b, {protocol::FrameType::kConfig, {{"serial", 8}}}));
  ASSERT_EQ(two.b.frames.size(), 1U);
  ASSERT_EQ(two.a.frames.size(), 1U);
  EXPECT_EQ(two.b.frames[0].frame.body.at("serial"), 7);
  EXPECT_EQ(two.b.frames[0].peer, two.a_at_b);
  EXPECT_EQ(two.a.frames[0].frame.type, protocol::FrameType::kConfig);

  protocol::Actions actions;
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_TRUE(two.a.tunnel->change(two.b_at_a)
                    ->send_frame({protocol::FrameType::kConfigAck, {{"id", i}}}, two.network.now(), actions));
  }
  for (const auto& datagram : actions.datagrams())
    two.network.transmit(two.a, datagram.to, actions.bytes(datagram));
  two.network.run_for(1s);
  EXPECT_LE(two.b.frames.size(), 201U);
  EXPECT_GE(two.b.frames.size(), 50U);
}

TEST(Extension, APaddedFrameArrivesHoweverLargeItIs) {
  Two two(6);
  two.meet();
  protocol::Actions actions;
  ASSERT_TRUE(
      two.a.tunnel->change(two.b_at_a)
          ->send_frame({protocol::FrameType::kConfig, {{"id", 1}}}, two.network.now(), actions, 8000));
  EXPECT_GE(actions.datagrams().at(0).length, 8000U);
  two.network.transmit(two.a, actions.datagrams()[0].to, actions.bytes(actions.datagrams()[0]));
  two.network.run_for(1s);
  ASSERT_EQ(two.b.frames.size(), 1U);
  EXPECT_EQ(two.b.frames[0].frame.body.at("id"), 1);
}

TEST(Extension, ByeEndsTheSessionAtOnceAndTheNextOneBegins) {
  Two two(7);
  two.meet();
  ASSERT_TRUE(two.peer_a().status(two.network.now().boot).session_live);
  protocol::Actions actions;
  two.a.tunnel->change(two.b_at_a)->say_bye(two.network.now(), actions);
  for (const auto& datagram : actions.datagrams())
    two.network.transmit(two.a, datagram.to, actions.bytes(datagram));
  two.network.run_for(100ms);
  EXPECT_EQ(two.b.count<Event::Bye>(), 1U);
  EXPECT_FALSE(two.peer_a().status(two.network.now().boot).session_live);
  EXPECT_FALSE(two.peer_a().remote());
  two.network.run_for(60s);
  EXPECT_FALSE(two.peer_a().status(two.network.now().boot).session_live) << "nobody asked for another";

  two.a.send(two.b, 9);
  two.network.run_for(10s);
  EXPECT_TRUE(two.peer_a().status(two.network.now().boot).session_live);
  EXPECT_EQ(two.b.delivered.back(), 9U);
}

/// Two that answer PROBE, in a session.
struct Answering : Two {
  explicit Answering(std::uint64_t seed) : Two(seed, options(), options()) { meet(); }
  static protocol::TunnelOptions options() {
    protocol::TunnelOptions answering = kWireGuardCipher;
    answering.capabilities.probe = true;
    return answering;
  }
};

TEST(Silence, OfTrafficInOneDirectionIsNoReasonForAHandshake) {
  Answering two(8);
  const auto handshakes = two.network.handshakes;
  for (std::uint64_t i = 0; i < 100; ++i) {
    two.a.send(two.b, i);
    two.network.run_for(1s);
  }
  EXPECT_EQ(two.network.handshakes, handshakes);
  EXPECT_EQ(two.a.count<Event::Silent>(), 0U);
}

TEST(Silence, OfAPeerThatHasGoneIsNoticedInFourSeconds) {
  Answering two(9);
  two.network.on_wire = [&two](const Node& from, ByteView) { return &from != &two.b; };
  const auto handshakes = two.network.handshakes;
  two.network.run_for(20s);
  EXPECT_EQ(two.network.handshakes, handshakes) << "nothing was sent, so nothing is missing";
  two.a.send(two.b, 1);
  two.network.run_for(3900ms);
  EXPECT_EQ(two.network.handshakes, handshakes);
  two.network.run_for(300ms);
  EXPECT_EQ(two.network.handshakes, handshakes + 1);
  EXPECT_EQ(two.a.count<Event::Silent>(), 1U);
}

TEST(Silence, AHandshakeThatHasOtherAddressesToTryWaitsForLess) {
  Answering two(10);
  two.a.tunnel->change(two.b_at_a)
      ->caller()
      .set_addresses({endpoint(two.b.outside).remote, endpoint("192.0.2.8:8").remote});
  two.network.on_wire = [&two](const Node& from, ByteView) { return &from != &two.b; };
  two.a.send(two.b, 1);
  two.network.run_for(6500ms);
  EXPECT_EQ(two.a.count<Event::HandshakeRetry>(), 1U);
  // The other address: called at once, although the last initiation is not 5 s ago.
  const auto handshakes = two.network.handshakes;
  protocol::Actions actions;
  two.a.tunnel->change(two.b_at_a)->try_endpoint(endpoint("192.0.2.9:9"), two.network.now(), actions);
  ASSERT_EQ(actions.datagrams().size(), 1U);
  EXPECT_EQ(actions.datagrams()[0].to.remote, endpoint("192.0.2.9:9").remote);
  EXPECT_EQ(two.network.handshakes, handshakes);
}

}  // namespace
}  // namespace tunneld::simulation
