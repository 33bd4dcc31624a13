// Sessions under packet loss and attack.
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

using protocol::Event;

// Valid mac1, nonsense inside: what an attacker who knows the public key that `jar` was made for can send.
std::vector<std::uint8_t> junk_initiation(Network& network, protocol::CookieJar& jar) {
  protocol::InitiationMessage junk{};
  junk.type = {1, 0, 0, 0};
  network.random_bytes()(junk.ephemeral);
  jar.add_macs(junk, network.now().boot);
  const ByteView bytes = as_bytes(junk);
  return {bytes.begin(), bytes.end()};
}

TEST(Sessions, BothSidesCallingAtOnceEndsInOneWorkingTunnel) {
  Network network(1);
  Node a(network, "192.0.2.1:1111", "10.0.0.1");
  Node b(network, "192.0.2.2:2222", "10.0.0.2");
  a.add_peer(b, true);
  b.add_peer(a, true);
  a.send(b, 1);
  b.send(a, 2);
  network.run_for(2s);
  for (std::uint64_t i = 3; i < 20; ++i) {
    a.send(b, i);
    b.send(a, i);
    network.run_for(100ms);
  }
  EXPECT_EQ(a.delivered.size(), 18U);
  EXPECT_EQ(b.delivered.size(), 18U);
  EXPECT_EQ(network.violation, "");
}

TEST(Sessions, RoamingFollowsAuthenticatedDataAndNothingElse) {
  Pair pair(2);
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  std::vector<std::uint8_t> captured;
  pair.network.on_wire = [&](const Node& from, ByteView datagram) {
    if (&from == &pair.a) captured.assign(datagram.begin(), datagram.end());
    return true;
  };
  pair.a.send(pair.b, 2);
  pair.network.run_for(1s);
  ASSERT_FALSE(captured.empty());

  pair.b.receive(captured, endpoint("198.51.100.66:666"));  // a replay from elsewhere
  std::vector<std::uint8_t> forged = captured;
  store_le(&forged[8], std::uint64_t{1000});
  pair.b.receive(forged, endpoint("198.51.100.66:666"));
  pair.b.turn();
  EXPECT_EQ(pair.b.count<Event::EndpointMoved>(), 0U);

  pair.a.outside = "203.0.113.9:9999";  // a is now behind another address
  pair.a.send(pair.b, 3);
  pair.network.run_for(1s);
  EXPECT_EQ(pair.b.count<Event::EndpointMoved>(), 1U);
  pair.b.send(pair.a, 4);
  pair.network.run_for(1s);
  EXPECT_EQ(pair.a.delivered, std::vector<std::uint64_t>{4});
}

TEST(Sessions, AReplayedInitiationIsRefusedAndChangesNothing) {
  Pair pair(3);
  std::vector<std::uint8_t> initiation;
  pair.network.on_wire = [&](const Node&, ByteView datagram) {
    if (protocol::classify(datagram) == MessageType::kInitiation)
      initiation.assign(datagram.begin(), datagram.end());
    return true;
  };
  pair.a.send(pair.b, 1);
  pair.network.run_for(30s);
  const auto before = pair.network.datagrams;
  pair.b.receive(initiation, endpoint("198.51.100.66:666"));
  pair.b.turn();
  EXPECT_EQ(pair.network.datagrams, before) << "no answer";
  EXPECT_EQ(pair.b.count<Event::EndpointMoved>(), 0U);
  EXPECT_EQ(pair.b.plane.drops[2].get(protocol::Drop::kHandshakeRefused), 1U);
}

TEST(Sessions, AForgedResponseDoesNotKillThePendingHandshake) {
  Pair pair(4);
  pair.network.on_wire = [&](const Node& from, ByteView datagram) {
    if (protocol::classify(datagram) == MessageType::kResponse) {
      // The genuine response is on its way; a forged one with the right index and mac1 arrives first.
      auto forged = protocol::ResponseMessage::from(datagram);
      forged.sealed_empty[0] ^= 1;
      protocol::CookieJar(pair.a.key.public_key()).add_macs(forged, pair.network.now().boot);
      const ByteView bytes = as_bytes(forged);
      pair.a.receive({bytes.begin(), bytes.end()}, endpoint(from.outside));
      pair.a.turn();
    }
    return true;
  };
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  EXPECT_EQ(pair.b.delivered, std::vector<std::uint64_t>{1});
  EXPECT_EQ(pair.network.handshakes, 1U);
}

TEST(Sessions, UnderLoadAPeerStillConnectsByCookie) {
  Pair pair(5);
  // From 4,000 addresses.
  protocol::CookieJar jar(pair.b.key.public_key());
  std::uint64_t answers = 0;
  pair.network.on_wire = [&](const Node& from, ByteView datagram) {
    if (&from == &pair.b && protocol::classify(datagram) == MessageType::kCookie) ++answers;
    return true;
  };
  for (int i = 0; i < 4000; ++i) {
    pair.b.receive(junk_initiation(pair.network, jar),
                   endpoint("198.18." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":7"));
    pair.b.turn();
  }
  EXPECT_GT(answers, 3000U) << "the responder is under load";
  pair.a.send(pair.b, 1);
  pair.network.run_for(6s);
  EXPECT_EQ(pair.b.delivered, std::vector<std::uint64_t>{1});
}

TEST(Sessions, AnInitiatorUnderLoadStillHearsTheResponse) {
  Pair pair(8);
  // An attacker who knows our public key and our peer's address keeps us under load in the peer's name, so
  // that its responses need a cookie as well.
  protocol::CookieJar jar(pair.a.key.public_key());
  std::uint64_t cookies = 0;
  pair.network.on_wire = [&](const Node& from, ByteView datagram) {
    if (&from == &pair.a && protocol::classify(datagram) == MessageType::kCookie) ++cookies;
    return true;
  };
  for (int step = 0; step < 300; ++step) {
    for (int i = 0; i < 5; ++i) {
      pair.a.receive(junk_initiation(pair.network, jar), endpoint("192.0.2.2:7"));
    }
    pair.a.turn();
    if (step == 40) pair.a.send(pair.b, 1);
    pair.network.run_for(50ms);
  }
  EXPECT_GT(cookies, 1000U) << "under load";
  EXPECT_EQ(pair.b.delivered, std::vector<std::uint64_t>{1});
}

TEST(Sessions, AnInnerSourceThatBelongsToAnotherPeerIsDropped) {
  Network network(6);
  Node hub(network, "192.0.2.1:1111", "10.0.0.1");
  Node honest(network, "192.0.2.2:2222", "10.0.0.2");
  Node liar(network, "192.0.2.3:3333", "10.0.0.3");
  hub.add_peer(honest, false);
  hub.add_peer(liar, false);
  honest.add_peer(hub, true);
  liar.add_peer(hub, true);
  liar.send(hub, 1);
  network.run_for(1s);
  liar.inside = "10.0.0.2";
  liar.send(hub, 2);
  network.run_for(1s);
  EXPECT_EQ(hub.delivered, std::vector<std::uint64_t>{1});
  EXPECT_EQ(hub.plane.drops[1].get(protocol::Drop::kSourceNotAllowed), 1U);
}

TEST(Sessions, CountersAtTheirLimitAreRefusedAndRenewed) {
  Pair pair(7);
  pair.a.send(pair.b, 1);
  pair.network.run_for(6s);
  protocol::Keypair& keypair = *pair.a.tunnel->peer(pair.b_at_a).keypairs().current();
  keypair.skip_counters(protocol::kRekeyAfterMessages);
  pair.a.send(pair.b, 2);
  pair.network.run_for(1s);
  EXPECT_EQ(pair.network.handshakes, 2U) << "2^60 messages: a successor";
  EXPECT_EQ(pair.b.delivered, (std::vector<std::uint64_t>{1, 2})) << "a jump forward is no replay";
  EXPECT_FALSE([&] {
    keypair.skip_counters(protocol::kRejectAfterMessages);
    return keypair.take_counters(1).has_value();
  }());
}

TEST(Sessions, TheSameSeedGivesTheSameDay) {
  const auto run = [] {
    Pair pair(99);
    pair.network.loss = 0.3;
    for (std::uint64_t i = 0; i < 500; ++i) {
      pair.a.send(pair.b, i);
      pair.network.run_for(1s);
    }
    return std::pair(pair.network.datagrams, pair.b.delivered);
  };
  EXPECT_EQ(run(), run());
}

/// An IPv6 packet from fe80::1 to ff02::1 with a hop limit of 255.
std::vector<std::uint8_t> link_local_icmp(std::uint8_t type, bool behind_options = false) {
  std::vector<std::uint8_t> packet(40 + (behind_options ? 8 : 0) + 16);
  packet[0] = 0x60;
  packet[5] = static_cast<std::uint8_t>(packet.size() - 40);
  packet[6] = behind_options ? net::kIpv6DestinationOptions : net::kProtocolIcmpv6;
  packet[7] = 255;
  std::memcpy(&packet[8], address("fe80::1").bytes().data(), 16);
  std::memcpy(&packet[24], address("ff02::1").bytes().data(), 16);
  if (behind_options) {
    packet[40] = net::kProtocolIcmpv6;
    packet[42] = 1;  // PadN
    packet[43] = 4;
  }
  packet[packet.size() - 16] = type;
  return packet;
}

TEST(Sessions, APeerIsNobodysRouter) {
  Pair pair(2);
  std::size_t arrived = 0;
  pair.b.on_packet = [&](std::span<const iovec>) { ++arrived; };
  const auto all = *net::IpPrefix::parse("::/0");
  protocol::Tunnel::PeerChanges at_a, at_b;
  at_a.allowed_ips.push_back({pair.b_at_a, {*net::IpPrefix::parse("10.0.0.2"), all}});
  at_b.allowed_ips.push_back({pair.a_at_b, {*net::IpPrefix::parse("10.0.0.1"), all}});
  pair.a.tunnel->change_peers(std::move(at_a), pair.network.now());
  pair.b.tunnel->change_peers(std::move(at_b), pair.network.now());
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  ASSERT_EQ(arrived, 1U);
  const auto passes = [&](std::vector<std::uint8_t> packet) {
    arrived = 0;
    pair.a.outbound.begin(pair.network.now().boot);
    EXPECT_TRUE(pair.a.outbound.add({}, packet));
    for (const protocol::SealedRun& run : pair.a.outbound.finish())
      pair.network.transmit(pair.a, *run.endpoint, run.bytes);
    pair.network.run_for(1s);
    return arrived == 1;
  };
  EXPECT_TRUE(passes(link_local_icmp(128)))
      << "an echo request, as routing protocols have link-local addresses";
  EXPECT_TRUE(passes(link_local_icmp(128, true)));
  EXPECT_FALSE(passes(link_local_icmp(134))) << "a router advertisement";
  EXPECT_FALSE(passes(link_local_icmp(134, true))) << "one behind options";
  EXPECT_FALSE(passes(link_local_icmp(137))) << "a redirect";
}

}  // namespace
}  // namespace tunneld::simulation
