// Two tunnelds measure the path MTU between them, by probes in the tunnel alone.
#include "common/json.h"
#include "common/protocol/data_message.h"
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

using protocol::Event;

constexpr protocol::TunnelOptions kProbing{
    .extension = true, .fast_cipher = false, .capabilities = {.probe = true}, .path = {}};

/// `a` calls `b` over a path that silently drops datagrams larger than `carries`.
struct NarrowWay {
  explicit NarrowWay(protocol::TunnelOptions of_b = kProbing, bool ipv6 = false,
                     protocol::TunnelOptions of_a = kProbing)
      : network(11),
        a(network, ipv6 ? "[2001:db8::1]:1111" : "192.0.2.1:1111", "10.0.0.1", of_a),
        b(network, ipv6 ? "[2001:db8::2]:2222" : "192.0.2.2:2222", "10.0.0.2", of_b) {
    b_at_a = a.add_peer(b, true);
    a_at_b = b.add_peer(a, false);
    const std::size_t headers = ipv6 ? 48 : 28;
    network.on_wire = [this, headers](const Node& from, ByteView datagram) {
      if (&from == &a) largest = std::max(largest, datagram.size() + headers);
      return datagram.size() + headers <= carries;
    };
  }
  [[nodiscard]] protocol::PeerStatus::Path path() {
    return *a.tunnel->peer(b_at_a).status(network.now().boot).path;
  }
  [[nodiscard]] std::uint32_t limit() { return a.tunnel->peer(b_at_a).link().path_mtu.load(); }
  /// As a transfer would: packets as large as the limit, every 50 ms.
  void transfer(Duration time) {
    const Duration end = network.clock + time;
    while (network.clock < end) {
      a.send(b, 1);
      a.tunnel->change(b_at_a)->link().large_sent.store(true);
      network.run_for(50ms);
    }
  }

  Network network;
  Node a, b;
  protocol::PeerId b_at_a{}, a_at_b{};
  std::size_t carries = 1500, largest = 0;
};

TEST(PathOfTwo, TheFirstProbeTellsWhereNothingIsInTheWay) {
  for (const bool ipv6 : {false, true}) {
    NarrowWay way(kProbing, ipv6);
    way.a.send(way.b, 1);
    way.network.run_for(1s);
    EXPECT_EQ(way.limit(), ipv6 ? 1420U : 1440U);
    EXPECT_EQ(way.largest, 1500U);
    EXPECT_EQ(way.path().mtu + way.path().overhead, 1500U);
    EXPECT_EQ(way.path().source, protocol::PathMtu::Source::kProbed);
    EXPECT_EQ(way.path().round_trip_time, Duration(40ms));
    EXPECT_EQ(way.b.tunnel->peer(way.a_at_b).link().path_mtu.load(), ipv6 ? 1420U : 1440U)
        << "each way for itself";
    EXPECT_GE(way.a.count<Event::PathMtu>(), 1U);
    EXPECT_EQ(way.network.violation, "");
  }
}

TEST(PathOfTwo, ASmallerPathIsFoundThoughNobodySpeaksOfIt) {
  for (const std::size_t outer : {std::size_t{1492}, std::size_t{1452}, std::size_t{1280}}) {
    for (const bool ipv6 : {false, true}) {
      NarrowWay way(kProbing, ipv6);
      way.carries = outer;
      way.a.send(way.b, 1);
      way.network.run_for(30s);
      EXPECT_EQ(way.limit(), outer - (ipv6 ? 80 : 60));
      EXPECT_EQ(way.path().phase, protocol::PathMtu::Phase::kComplete);
    }
  }
}

TEST(PathOfTwo, APathThatShrinksUnderATransferIsFollowed) {
  for (const std::size_t outer : {std::size_t{1452}, std::size_t{1280}}) {
    NarrowWay way;
    way.transfer(20s);
    ASSERT_EQ(way.limit(), 1440U);
    way.carries = outer;
    Duration passed{};
    for (; way.limit() > outer - 60 && passed < 60s; passed += 100ms) way.transfer(100ms);
    EXPECT_LE(passed, Duration(10s)) << "small packets still come back, so that silence tells nothing";
    way.transfer(20s);
    EXPECT_EQ(way.limit(), outer - 60);
    way.carries = 1500;
    way.transfer(620s);
    EXPECT_EQ(way.limit(), 1440U) << "and back";
  }
}

TEST(PathOfTwo, SessionsComeAndGoAndWhatIsKnownStays) {
  NarrowWay way;
  way.carries = 1452;
  way.transfer(30s);
  ASSERT_EQ(way.limit(), 1392U);
  for (int i = 0; i < 40; ++i) {
    way.transfer(10s);
    ASSERT_EQ(way.limit(), 1392U) << i;
  }
  way.network.run_for(1h);  // the session expires; nothing is sent for nobody
  const std::uint64_t before = way.network.datagrams;
  way.network.run_for(10h);
  EXPECT_EQ(way.network.datagrams, before);
  way.transfer(5s);
  EXPECT_EQ(way.limit(), 1392U);
}

TEST(PathOfTwo, AMoveBeginsAnew) {
  NarrowWay way;
  way.carries = 1280;
  way.transfer(20s);
  ASSERT_EQ(way.limit(), 1220U);
  way.carries = 1500;
  way.b.outside = "192.0.2.99:2222";  // where `b` sends from now
  way.b.send(way.a, 2);
  way.transfer(2s);
  EXPECT_EQ(way.limit(), 1440U);
}

TEST(PathOfTwo, StockPeersAreHeldToWhatTheHostKnows) {
  NarrowWay way(kStock);
  way.transfer(10s);
  EXPECT_EQ(way.limit(), 1420U) << "as wg-quick has it";
  EXPECT_LE(way.largest, 1420U + 60);
  EXPECT_GE(way.a.count<Event::AskRoute>(), 1U)
      << "large packets leave: has the kernel heard of a smaller path?";
  const auto learn = [&](const protocol::RouteMtu& route) {
    way.a.tunnel->change(way.b_at_a)->path().learn(route);
    way.transfer(100ms);
  };
  learn({.interface = 1500, .path = 1400});
  EXPECT_EQ(way.limit(), 1340U);
  learn({.interface = 1280, .path = 1280});
  EXPECT_EQ(way.limit(), 1220U);
  learn({.interface = 9000, .path = 9000});
  EXPECT_EQ(way.limit(), 8920U);
  EXPECT_EQ(way.path().source, protocol::PathMtu::Source::kAssumed);
}

TEST(PathOfTwo, WhatIcmpSaysIsCheckedAndNotBelieved) {
  NarrowWay way;
  way.transfer(5s);
  ASSERT_EQ(way.limit(), 1440U);
  const auto learn = [&](const protocol::RouteMtu& route) {
    way.a.tunnel->change(way.b_at_a)->path().learn(route);
  };
  learn({.interface = 1500, .path = 600});  // forged
  way.transfer(5s);
  EXPECT_EQ(way.limit(), 1440U);
  way.carries = 1400;
  learn({.interface = 1500, .path = 1400});  // true
  way.transfer(3s);
  EXPECT_LE(way.limit(), 1340U);
}

TEST(PathOfTwo, AnMtuThatSomebodySetIsNotQuestioned) {
  protocol::TunnelOptions fixed = kProbing;
  fixed.path = {.hold = false, .most = 1400};
  NarrowWay way(kProbing, false, fixed);
  way.carries = 1280;
  way.transfer(20s);
  EXPECT_EQ(way.limit(), protocol::kNoPathMtu) << "larger packets leave, in outer fragments";
  EXPECT_EQ(way.path().mtu, 1220U) << "but status can say so";
}

TEST(PathOfTwo, ProbesOfAPeerAreAnsweredWithinItsBudget) {
  NarrowWay way;
  way.transfer(1s);
  protocol::Actions actions;
  for (int i = 0; i < 5000; ++i) {
    (void)way.a.tunnel->change(way.b_at_a)
        ->send_frame({protocol::FrameType::kProbe, {{"id", i}}}, way.network.now(), actions);
  }
  for (const auto& datagram : actions.datagrams())
    way.network.transmit(way.a, datagram.to, actions.bytes(datagram));
  const std::uint64_t before = way.network.datagrams;
  way.network.run_for(1s);
  EXPECT_LE(way.network.datagrams - before, 200U);
  EXPECT_GE(way.network.datagrams - before, 50U);
}

TEST(PathOfTwo, MalformedProbesChangeNothing) {
  NarrowWay way;
  way.transfer(1s);
  const std::uint32_t limit = way.limit();
  protocol::Actions actions;
  for (const Json& body : {Json::object(), Json{{"id", "x"}}, Json{{"id", -1}}, Json{{"id", UINT64_MAX}},
                           Json{{"id", nullptr}}}) {
    for (const auto type : {protocol::FrameType::kProbe, protocol::FrameType::kProbeAck})
      (void)way.b.tunnel->change(way.a_at_b)->send_frame({type, body}, way.network.now(), actions);
  }
  for (const auto& datagram : actions.datagrams())
    way.network.transmit(way.b, datagram.to, actions.bytes(datagram));
  way.network.run_for(1s);
  EXPECT_EQ(way.limit(), limit);
}

}  // namespace
}  // namespace tunneld::simulation
