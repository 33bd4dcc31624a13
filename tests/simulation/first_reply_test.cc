// The reply to a peer's packet goes to the peer's present endpoint under its present session, even if the
// reply is ready before the control thread knows of the move or of the confirmation.
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

using protocol::Event;

/// Two nodes, of which `b` answers each packet from inside the call that delivers it, as a kernel does: its
/// control thread has no turn between.
struct Answering : Pair {
  explicit Answering(std::uint64_t seed) : Pair(seed) {
    b.on_packet = [this](std::span<const iovec>) {
      auto packet = inner_packet(b.inside, a.inside, ++answers);
      b.outbound.begin(network.now().boot);
      ASSERT_TRUE(b.outbound.add({}, packet));
      for (const protocol::SealedRun& run : b.outbound.finish()) {
        ++at_once;
        last_to = *run.endpoint;
        network.transmit(b, *run.endpoint, run.bytes);
      }
    };
  }
  [[nodiscard]] std::uint64_t delivered_answers() const { return a.delivered.size(); }

  std::uint64_t answers = 0, at_once = 0;
  net::Endpoint last_to{};
};

/// From `from`, to be received by hand.
std::vector<std::uint8_t> next_datagram(Pair& pair) {
  std::vector<std::uint8_t> caught;
  pair.network.on_wire = [&caught](const Node&, ByteView datagram) {
    caught.assign(datagram.begin(), datagram.end());
    return false;
  };
  pair.a.send(pair.b, 99);
  pair.network.on_wire = nullptr;
  return caught;
}

TEST(FirstReply, GoesToWhereThePeerHasMoved) {
  Answering pair(1);
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  for (int move = 0; move < 20; ++move) {
    pair.a.outside = "203.0.113.9:" + std::to_string(2000 + move);
    pair.a.send(pair.b, 2);
    pair.network.run_for(1s);
    EXPECT_EQ(pair.last_to.remote, endpoint(pair.a.outside).remote);
  }
  EXPECT_EQ(pair.answers, 21U);
  EXPECT_EQ(pair.at_once, 21U) << "none waits for the control thread";
  EXPECT_EQ(pair.delivered_answers(), 21U);
  EXPECT_EQ(pair.b.count<Event::EndpointMoved>(), 20U);
}

TEST(FirstReply, LeavesFromTheAddressThatThePeerHasCalled) {
  Answering pair(2);
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  net::Endpoint from = endpoint(pair.a.outside);
  from.local = address("192.0.2.77");
  pair.b.receive(next_datagram(pair), from);
  EXPECT_EQ(pair.last_to, from);
  pair.b.turn();
  EXPECT_EQ(pair.b.count<Event::EndpointMoved>(), 0U) << "the peer is where it was";
}

TEST(FirstReply, IsUnderTheSessionOfAPeerThatHasBegunAnew) {
  Answering pair(3);
  for (std::uint64_t start = 1; start <= 5; ++start) {
    // b still has the old session; a has lost it.
    pair.a.tunnel->change(pair.b_at_a)->reset();
    pair.network.run_for(6s);
    pair.a.send(pair.b, start);
    pair.network.run_for(1s);
    EXPECT_EQ(pair.delivered_answers(), start);
  }
  EXPECT_EQ(pair.at_once, 5U);
}

TEST(FirstReply, IsNoReasonToCallWhoHasJustCalled) {
  Answering pair(4);
  unsigned calls_of_b = 0;
  pair.network.on_wire = [&](const Node& from, ByteView datagram) {
    if (&from == &pair.b && protocol::classify(datagram) == MessageType::kInitiation) ++calls_of_b;
    return true;
  };
  pair.a.send(pair.b, 1);
  pair.network.run_for(3s);
  EXPECT_EQ(pair.delivered_answers(), 1U);
  EXPECT_EQ(calls_of_b, 0U);
}

TEST(FirstReply, ThatAnotherThreadHasReadFindsTheConfirmationInItsPlace) {
  // The worker that reads the device (thread 0) has its own door, which is drained before the one that
  // "confirmed" is in.
  Answering pair(5);
  pair.b.on_packet = [&](std::span<const iovec>) {
    const auto packet = inner_packet(pair.b.inside, pair.a.inside, 1);
    ASSERT_TRUE(pair.b.plane.doors[0]->push({.notice = protocol::Notice::kWaitingPacket, .peer = pair.a_at_b},
                                            packet));
  };
  unsigned calls_of_b = 0;
  pair.network.on_wire = [&](const Node& from, ByteView datagram) {
    if (&from == &pair.b && protocol::classify(datagram) == MessageType::kInitiation) ++calls_of_b;
    return true;
  };
  pair.a.send(pair.b, 1);
  pair.network.run_for(3s);
  EXPECT_EQ(pair.delivered_answers(), 1U);
  EXPECT_EQ(calls_of_b, 0U);
}

TEST(FirstReply, PacketsThatWaitedKeepTheirPlaceBeforeIt) {
  Answering pair(6);
  pair.b.send(pair.a, 1001);  // nobody knows where a is
  pair.b.send(pair.a, 1002);
  pair.a.send(pair.b, 1);
  pair.network.run_for(3s);
  EXPECT_EQ(pair.a.delivered, (std::vector<std::uint64_t>{1001, 1002, 1}));
}

TEST(FirstReply, GoesToTheLastOfManyMovesWhileTheControlThreadIsBusy) {
  Answering pair(7);
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  const auto first = next_datagram(pair);
  const auto second = next_datagram(pair);
  const auto third = next_datagram(pair);
  pair.b.receive(first, endpoint("203.0.113.1:1"));
  pair.b.receive(third, endpoint("203.0.113.3:3"));
  pair.b.receive(second, endpoint("203.0.113.2:2"));  // late
  const auto where = [&pair] { return pair.b.tunnel->peer(pair.a_at_b).link().endpoint.get()->remote; };
  EXPECT_EQ(where(), endpoint("203.0.113.3:3").remote);
  EXPECT_EQ(pair.at_once, 4U);
  EXPECT_EQ(pair.last_to.remote, endpoint("203.0.113.3:3").remote);
  // Between two addresses, with each packet.
  for (int packet = 0; packet < 40; ++packet) {
    const auto from = endpoint(packet % 2 == 0 ? "203.0.113.4:4" : "203.0.113.5:5");
    pair.b.receive(next_datagram(pair), from);
    EXPECT_EQ(pair.last_to.remote, from.remote) << packet;
  }
  EXPECT_EQ(pair.b.count<Event::EndpointMoved>(), 0U) << "the control thread has had no turn";
  pair.b.turn();
  EXPECT_EQ(where(), endpoint("203.0.113.5:5").remote);
  EXPECT_EQ(pair.b.count<Event::EndpointMoved>(), 1U) << "the last one counts";
}

TEST(FirstReply, AMoveToOneMoreNewAddressThanThereIsRoomForWaitsForTheControlThread) {
  Answering pair(10);
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  const auto where = [&pair] { return pair.b.tunnel->peer(pair.a_at_b).link().endpoint.get()->remote; };
  const auto at = [](std::size_t n) { return endpoint("203.0.113.9:" + std::to_string(1000 + n)); };
  std::size_t moves = 0;
  while (pair.b.receive(next_datagram(pair), at(moves)), where() == at(moves).remote) ++moves;
  EXPECT_GE(moves, protocol::RoamingEndpoint::kPlaces / 2);
  EXPECT_LE(moves, protocol::RoamingEndpoint::kPlaces);
  EXPECT_EQ(where(), at(moves - 1).remote);
  pair.b.turn();
  EXPECT_EQ(where(), at(moves).remote);
  EXPECT_EQ(pair.b.count<Event::EndpointMoved>(), 2U);
  // From now on, it is immediate again.
  pair.b.receive(next_datagram(pair), endpoint("203.0.113.4:4"));
  EXPECT_EQ(where(), endpoint("203.0.113.4:4").remote);
}

TEST(FirstReply, AMoveThatWaitsIsForgottenWhenThePeerIsBackBeforeTheControlThreadHears) {
  Answering pair(11);
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  const auto where = [&pair] { return pair.b.tunnel->peer(pair.a_at_b).link().endpoint.get()->remote; };
  const auto at = [](std::size_t n) { return endpoint("203.0.113.9:" + std::to_string(1000 + n)); };
  std::size_t moves = 0;
  while (pair.b.receive(next_datagram(pair), at(moves)), where() == at(moves).remote) ++moves;
  pair.b.receive(next_datagram(pair), at(moves - 1));
  pair.b.turn();
  EXPECT_EQ(where(), at(moves - 1).remote);
  // The next that has to wait is not forgotten, however many messages show it.
  while (pair.b.receive(next_datagram(pair), at(moves)), where() == at(moves).remote) ++moves;
  pair.b.receive(next_datagram(pair), at(moves));
  pair.b.turn();
  EXPECT_EQ(where(), at(moves).remote);
}

TEST(FirstReply, AnAddressFromTheResolverDoesNotEndMoving) {
  Answering pair(8);
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  const auto where = [&pair] { return pair.b.tunnel->peer(pair.a_at_b).link().endpoint.get()->remote; };
  pair.b.receive(next_datagram(pair), endpoint("203.0.113.1:1"));
  // Before the control thread has heard of it.
  pair.b.tunnel->change(pair.a_at_b)
      ->try_endpoint(endpoint("198.51.100.5:5"), pair.network.now(), pair.b.actions);
  pair.b.turn();
  EXPECT_EQ(where(), endpoint("198.51.100.5:5").remote);
  pair.b.receive(next_datagram(pair), endpoint("203.0.113.2:2"));
  EXPECT_EQ(where(), endpoint("203.0.113.2:2").remote);
  EXPECT_EQ(pair.last_to.remote, endpoint("203.0.113.2:2").remote);
}

TEST(FirstReply, ASourceAddressThatHasGoneTakesNoMoveBack) {
  Answering pair(9);
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  protocol::PeerLink& link = pair.b.tunnel->change(pair.a_at_b)->link();
  const net::Endpoint* known = link.endpoint.get();
  pair.b.receive(next_datagram(pair), endpoint("203.0.113.1:1"));
  link.endpoint.replace_if(known, endpoint("192.0.2.1:1111"), pair.b.plane.quiescence);
  EXPECT_EQ(link.endpoint.get()->remote, endpoint("203.0.113.1:1").remote);
}

}  // namespace
}  // namespace tunneld::simulation
