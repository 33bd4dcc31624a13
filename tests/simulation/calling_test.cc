// Where and when initiations are sent: dead addresses, peers that have said BYE or refuse, many peers at
// once.
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

using protocol::Event;

/// Initiations on the wire: when, and to which address.
struct Calls {
  explicit Calls(Network& network) {
    network.on_datagram_to = [this, &network](const Node& from, const net::Endpoint& to, ByteView bytes) {
      if (&from != caller || protocol::classify(bytes) != MessageType::kInitiation) return;
      times.push_back(network.clock);
      to_whom.push_back(to.remote.to_string());
      messages.emplace_back(bytes.begin(), bytes.end());
    };
  }
  [[nodiscard]] std::vector<Duration> gaps() const {
    std::vector<Duration> result;
    for (std::size_t i = 1; i < times.size(); ++i) result.push_back(times[i] - times[i - 1]);
    return result;
  }
  const Node* caller = nullptr;
  std::vector<Duration> times;
  std::vector<std::string> to_whom;
  std::vector<std::vector<std::uint8_t>> messages;
};

std::vector<net::SocketAddress> addresses(std::initializer_list<std::string> texts) {
  std::vector<net::SocketAddress> result;
  for (const std::string& text : texts) result.push_back(endpoint(text).remote);
  return result;
}

TEST(Calling, ADeadFirstAddressCostsTwoSeconds) {
  Pair pair(1);
  protocol::Actions actions;
  pair.a.tunnel->change(pair.b_at_a)->try_endpoint(endpoint("192.0.2.77:7"), pair.network.now(), actions);
  pair.a.tunnel->change(pair.b_at_a)
      ->caller()
      .set_addresses(addresses({"192.0.2.77:7", "192.0.2.78:7", pair.b.outside}));
  pair.a.send(pair.b, 7);
  pair.network.run_for(2500ms);
  EXPECT_EQ(pair.b.delivered, std::vector<std::uint64_t>{7});
  EXPECT_EQ(pair.a.tunnel->peer(pair.b_at_a).status(pair.network.now().boot).endpoint->remote.to_string(),
            pair.b.outside);
}

TEST(Calling, AllAddressesGetTheSameInitiation) {
  Pair pair(2);
  Calls calls(pair.network);
  calls.caller = &pair.a;
  pair.network.loss = 1;
  pair.a.tunnel->change(pair.b_at_a)
      ->caller()
      .set_addresses(addresses({pair.b.outside, "192.0.2.78:7", "192.0.2.79:7"}));
  pair.a.send(pair.b, 7);
  pair.network.run_for(8s);
  ASSERT_EQ(calls.times.size(), 6U);
  EXPECT_EQ(calls.to_whom[0], pair.b.outside);
  EXPECT_EQ(calls.to_whom[1], "192.0.2.78:7") << "the first may still answer";
  EXPECT_EQ(calls.to_whom[2], "192.0.2.79:7");
  EXPECT_EQ(calls.to_whom[3], pair.b.outside);
  EXPECT_EQ(calls.messages[1], calls.messages[2]);
  EXPECT_EQ(calls.messages[3], calls.messages[5]);
  EXPECT_NE(calls.messages[0], calls.messages[1]);
  EXPECT_GE(calls.times[1] - calls.times[0], 2s);
  EXPECT_GE(calls.times[3] - calls.times[1], 5s);
}

TEST(Calling, AnAddressThatIsBeingCalledIsNotCalledAgainWhenANameLeadsThere) {
  Pair pair(5);
  Calls calls(pair.network);
  calls.caller = &pair.a;
  protocol::Actions actions;
  pair.a.tunnel->change(pair.b_at_a)->try_endpoint(endpoint("192.0.2.77:7"), pair.network.now(), actions);
  pair.a.tunnel->change(pair.b_at_a)->caller().set_addresses(addresses({"192.0.2.78:7"}));
  pair.a.send(pair.b, 7);
  pair.network.run_for(2500ms);
  ASSERT_EQ(calls.to_whom.back(), "192.0.2.78:7");
  const std::size_t called = calls.times.size();
  pair.a.tunnel->change(pair.b_at_a)
      ->try_endpoint(endpoint("192.0.2.78:7"), pair.network.now(), pair.a.actions);
  pair.network.run_for(1s);
  EXPECT_EQ(calls.times.size(), called);
}

TEST(Calling, ALostRenewalDoesNotLeaveAPeerThatIsHeard) {
  Pair pair(3);
  pair.a.tunnel->change(pair.b_at_a)->caller().set_addresses(addresses({pair.b.outside, "192.0.2.78:7"}));
  pair.a.send(pair.b, 0);
  pair.network.run_for(1s);
  Calls calls(pair.network);
  calls.caller = &pair.a;
  pair.network.on_wire = [&calls](const Node& from, ByteView bytes) {
    return &from != calls.caller || protocol::classify(bytes) != MessageType::kInitiation;
  };
  for (std::uint64_t i = 1; i < 140; ++i) {
    pair.a.send(pair.b, i);
    pair.b.send(pair.a, i);
    pair.network.run_for(1s);
  }
  ASSERT_GE(calls.times.size(), 3U);
  for (const std::string& to : calls.to_whom) EXPECT_EQ(to, pair.b.outside);
  for (const Duration gap : calls.gaps()) EXPECT_GE(gap, 5s);
}

TEST(Calling, InitiationsAreFiveSecondsApartWhateverTheNetworkDoesForNinetySeconds) {
  Pair pair(4);
  Calls calls(pair.network);
  calls.caller = &pair.a;
  pair.network.loss = 1;
  pair.a.send(pair.b, 1);
  const Duration begin = pair.network.clock;
  while (pair.a.count<Event::HandshakeGaveUp>() == 0 && pair.network.clock - begin < 200s) {
    protocol::Actions actions;
    pair.a.tunnel->change(pair.b_at_a)->network_changed(pair.network.now(), actions);
    pair.network.run_for(300ms);
  }
  EXPECT_GE(pair.network.clock - begin, 90s) << "as the log says";
  EXPECT_LE(pair.network.clock - begin, 97s);
  EXPECT_EQ(pair.network.violation, "");
  ASSERT_GE(calls.times.size(), 17U);
  for (const Duration gap : calls.gaps()) EXPECT_LE(gap, 5400ms);
}

/// Two tunnelds; the client keeps its session alive.
struct Clients {
  Clients(std::uint64_t seed, unsigned count)
      : network(seed), server(network, "192.0.2.2:51820", "10.0.0.2", kFast) {
    for (unsigned i = 0; i < count; ++i) {
      const std::string inside = "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1);
      nodes.push_back(
          std::make_unique<Node>(network, "198.51.100.1:" + std::to_string(1000 + i), inside, kFast));
      server_at.push_back(nodes.back()->add_peer(server, true, 25s));
      server.add_peer(*nodes.back(), false);
    }
    network.run_for(20s);
  }
  [[nodiscard]] std::size_t up() {
    std::size_t result = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto status = nodes[i]->tunnel->peer(server_at[i]).status(network.now().boot);
      result += status.session_live ? 1U : 0U;
    }
    return result;
  }
  void say_bye() {
    protocol::Actions actions;
    server.tunnel->for_each_peer([&](protocol::PeerId id, const protocol::Peer&) {
      server.tunnel->change(id)->say_bye(network.now(), actions);
    });
    for (const auto& datagram : actions.datagrams())
      network.transmit(server, datagram.to, actions.bytes(datagram));
  }
  Network network;
  Node server;
  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<protocol::PeerId> server_at;
};

TEST(Calling, APeerThatSaidByeIsCalledSoonAndThenAsUsual) {
  Clients one(5, 1);
  ASSERT_EQ(one.up(), 1U);
  Calls calls(one.network);
  calls.caller = one.nodes[0].get();
  one.say_bye();
  one.network.on_wire = [&one](const Node& from, ByteView) { return &from == &one.server; };
  const Duration left = one.network.clock;
  one.network.run_for(30s);
  ASSERT_GE(calls.times.size(), 6U);
  EXPECT_GE(calls.times[0] - left, 300ms);
  EXPECT_LE(calls.times[0] - left, 700ms);
  EXPECT_LE(calls.times[1] - left, 1500ms);
  EXPECT_LE(calls.times[2] - left, 2800ms);
  EXPECT_LE(calls.times[3] - left, 5300ms);
  for (std::size_t i = 4; i < calls.times.size(); ++i) EXPECT_GE(calls.times[i] - calls.times[i - 1], 5s);
}

Duration all_back(unsigned count) {
  Clients clients(7, count);
  EXPECT_EQ(clients.up(), count);
  clients.say_bye();
  clients.network.run_for(100ms);
  EXPECT_EQ(clients.up(), 0U);
  // Restarted after 1.5 s without any state.
  bool running = false;
  clients.network.on_wire = [&](const Node& from, ByteView) { return running || &from == &clients.server; };
  const Duration left = clients.network.clock;
  clients.network.run_for(1500ms);
  running = true;
  while (clients.up() < count && clients.network.clock - left < 60s) clients.network.run_for(100ms);
  return clients.network.clock - left;
}

TEST(Calling, AHundredClientsBehindOneAddressAreBackInUnderTenSeconds) {
  EXPECT_LT(all_back(100), 5s);
}

TEST(Calling, MoreClientsThanAreTakenAtOnceComeBackByCookies) {
  EXPECT_LT(all_back(220), 20s);
}

/// ICMP port unreachable, as a host sends it when no program listens there; or a forgery.
void refuse(Node& node, ByteView quotation, const std::string& at) {
  node.tunnel->refused(quotation, endpoint(at).remote, node.network.now(), node.actions);
  node.turn();
}

/// a has called b, where no program listens yet, and was refused.
struct RefusedPair : Pair {
  explicit RefusedPair(std::uint64_t seed) : Pair(seed), calls(network) {
    calls.caller = &a;
    network.on_wire = [this](const Node&, ByteView) { return running; };
    a.send(b, 1);
    refuse(a, ByteView(calls.messages[0]), b.outside);
  }
  Calls calls;
  bool running = false;
};

TEST(Calling, ARefusedPeerIsCalledSoonAndThenAsUsual) {
  Pair pair(20);
  Calls calls(pair.network);
  calls.caller = &pair.a;
  pair.network.loss = 1;
  pair.a.send(pair.b, 1);
  const Duration begin = pair.network.clock;
  for (std::size_t refused = 0; pair.network.clock - begin < 30s; pair.network.run_for(10ms)) {
    for (; refused < calls.messages.size(); ++refused)
      refuse(pair.a, ByteView(calls.messages[refused]), pair.b.outside);
  }
  EXPECT_EQ(pair.a.count<Event::Refused>(), 1U) << "look the name up, once";
  const auto gaps = calls.gaps();
  ASSERT_GE(gaps.size(), 6U);
  const std::array<std::pair<Duration, Duration>, 4> soon{
      {{300ms, 620ms}, {700ms, 900ms}, {1s, 1300ms}, {2s, 2550ms}}};
  for (std::size_t i = 0; i < soon.size(); ++i) {
    EXPECT_GE(gaps[i], soon[i].first) << i;
    EXPECT_LE(gaps[i], soon[i].second) << i;
  }
  for (std::size_t i = soon.size(); i < gaps.size(); ++i) EXPECT_GE(gaps[i], 5s) << "refused as it is";
}

TEST(Calling, WhoIsBackAfterARefusalIsReachedWithinASecondAndAHalf) {
  RefusedPair pair(21);
  pair.network.run_for(700ms);
  pair.running = true;
  pair.network.run_for(800ms);
  EXPECT_EQ(pair.b.delivered, std::vector<std::uint64_t>{1});
}

TEST(Calling, ASessionEndsTheHurryBeforeIt) {
  RefusedPair pair(25);
  Calls& calls = pair.calls;
  pair.running = true;
  pair.network.run_for(1s);
  ASSERT_EQ(pair.b.delivered.size(), 1U);
  // It is killed again at once.
  pair.running = false;
  calls.times.clear();
  calls.messages.clear();
  pair.a.tunnel->change(pair.b_at_a)->reset();
  pair.network.run_for(5s);
  pair.a.send(pair.b, 2);
  ASSERT_EQ(calls.messages.size(), 1U);
  refuse(pair.a, ByteView(calls.messages[0]), pair.b.outside);
  EXPECT_EQ(pair.a.count<Event::Refused>(), 2U) << "once per session";
  pair.network.run_for(700ms);
  EXPECT_EQ(calls.messages.size(), 2U);
}

TEST(Calling, ARefusalThatDoesNotFitAnInitiationOfOursChangesNothing) {
  Pair pair(22);
  Calls calls(pair.network);
  calls.caller = &pair.a;
  pair.network.loss = 1;
  pair.a.send(pair.b, 1);
  ASSERT_EQ(calls.messages.size(), 1U);
  const std::vector<std::uint8_t> ours = calls.messages[0];
  std::vector<std::uint8_t> guessed = ours, data = ours;
  guessed[7] ^= 1;
  data[0] = 4;
  refuse(pair.a, ByteView(guessed), pair.b.outside);
  refuse(pair.a, ByteView(data), pair.b.outside);
  refuse(pair.a, ByteView(ours).first(7), pair.b.outside);
  refuse(pair.a, {}, pair.b.outside);
  refuse(pair.a, ByteView(ours), "192.0.2.2:2223");
  refuse(pair.a, ByteView(ours), "192.0.2.3:2222");
  pair.network.run_for(3500ms);
  refuse(pair.a, ByteView(ours), pair.b.outside);  // too late
  pair.network.run_for(2500ms);
  ASSERT_EQ(calls.times.size(), 2U);
  EXPECT_GE(calls.gaps()[0], 5s);
  refuse(pair.a, ByteView(ours), pair.b.outside);  // of the one before
  EXPECT_EQ(pair.a.count<Event::Refused>(), 0U);
  refuse(pair.a, ByteView(calls.messages[1]).first(8), pair.b.outside);
  EXPECT_EQ(pair.a.count<Event::Refused>(), 1U) << "the test would not have noticed";
}

TEST(Calling, ARefusalAtOneOfSeveralAddressesWaitsForTheOthers) {
  Pair pair(23);
  Calls calls(pair.network);
  calls.caller = &pair.a;
  pair.network.loss = 1;
  pair.a.tunnel->change(pair.b_at_a)
      ->caller()
      .set_addresses(addresses({pair.b.outside, "192.0.2.78:7", "192.0.2.79:7"}));
  pair.a.send(pair.b, 1);
  pair.network.run_for(2500ms);
  ASSERT_EQ(calls.to_whom, (std::vector<std::string>{pair.b.outside, "192.0.2.78:7", "192.0.2.79:7"}));
  refuse(pair.a, ByteView(calls.messages[1]), "192.0.2.79:7");
  refuse(pair.a, ByteView(calls.messages[1]), "192.0.2.79:7");
  EXPECT_EQ(pair.a.count<Event::Refused>(), 0U);
  refuse(pair.a, ByteView(calls.messages[1]), "192.0.2.78:7");
  EXPECT_EQ(pair.a.count<Event::Refused>(), 1U);
}

TEST(Calling, ARefusalForgedForALiveSessionNeitherEndsItNorHurriesItsRenewal) {
  Pair pair(24);
  Calls calls(pair.network);
  calls.caller = &pair.a;
  bool answers = true;
  pair.network.on_wire = [&answers](const Node&, ByteView bytes) {
    return answers || protocol::classify(bytes) != MessageType::kResponse;
  };
  std::uint64_t id = 0;
  for (; id < 119; ++id) {
    pair.a.send(pair.b, id);
    pair.b.send(pair.a, id);
    pair.network.run_for(1s);
  }
  ASSERT_EQ(calls.messages.size(), 1U);
  answers = false;
  for (; id < 140; ++id) {
    pair.a.send(pair.b, id);
    pair.b.send(pair.a, id);
    refuse(pair.a, ByteView(calls.messages.back()), pair.b.outside);
    pair.network.run_for(1s);
  }
  ASSERT_GE(calls.messages.size(), 4U) << "no renewal: nothing was tested";
  for (const Duration gap : calls.gaps()) EXPECT_GE(gap, 5s);
  EXPECT_EQ(pair.a.count<Event::Refused>(), 0U);
  EXPECT_EQ(pair.b.delivered.size(), id);
  EXPECT_EQ(pair.network.violation, "");
}

TEST(Calling, AClockThatIsSetBackDoesNotLockARunningInitiatorOut) {
  Pair pair(8);
  pair.a.send(pair.b, 0);
  pair.network.run_for(1s);
  pair.network.wall_set_by = -1h;
  for (std::uint64_t i = 1; i < 250; ++i) {
    pair.a.send(pair.b, i);
    pair.network.run_for(1s);
  }
  EXPECT_EQ(pair.network.handshakes, 3U) << "at 0, 120 and 240 s, each answered";
  EXPECT_EQ(pair.a.count<Event::HandshakeRetry>(), 0U);
  EXPECT_EQ(pair.b.delivered.size(), 250U);
  const auto status = pair.a.tunnel->peer(pair.b_at_a).status(pair.network.now().boot);
  EXPECT_LT(pair.network.now().boot - *status.latest_handshake, 15s) << "ages are the boot clock's";
}

TEST(Calling, AnInitiatorThatStartsInThePastIsNotLockedOut) {
  Pair pair(9);
  WallTime mark{};
  const auto reserve = [&mark](WallTime timestamp, WallTime) { return mark = timestamp + 60s; };
  pair.a.tunnel->timestamps().keep(WallTime(), reserve);
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  ASSERT_EQ(pair.b.delivered.size(), 1U);
  // Another run of the same host, a year earlier.
  pair.network.wall_set_by = -std::chrono::hours(24 * 365);
  pair.a.tunnel = std::make_unique<protocol::Tunnel>(pair.a.key.clone(), *pair.a.engine,
                                                     pair.network.random_bytes(), pair.a.plane, kStock);
  pair.a.tunnel->timestamps().keep(mark, reserve);
  pair.a.add_peer(pair.b, true);
  pair.a.send(pair.b, 2);
  pair.network.run_for(1s);
  EXPECT_EQ(pair.b.delivered.size(), 2U);
  EXPECT_GT(pair.a.tunnel->timestamps().behind(pair.network.now().wall), 24h * 364);
}

}  // namespace
}  // namespace tunneld::simulation
