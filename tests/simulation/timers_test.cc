// The timers of the whitepaper's section 6, as promises.
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

using protocol::Event;

TEST(Timers, TheFirstPacketMakesTheSessionAndArrives) {
  Pair pair(1);
  pair.a.send(pair.b, 42);
  pair.network.run_for(1s);
  EXPECT_EQ(pair.b.delivered, std::vector<std::uint64_t>{42});
  EXPECT_EQ(pair.a.count<Event::SessionUp>(), 1U);
  EXPECT_EQ(pair.b.count<Event::SessionUp>(), 1U);
  EXPECT_EQ(pair.network.handshakes, 1U);
}

TEST(Timers, NothingIsSentBeforeThereIsSomethingToSend) {
  Pair pair(1);
  pair.network.run_for(24h);
  EXPECT_EQ(pair.network.datagrams, 0U);
}

TEST(Timers, AReceiverWithNothingToSayAnswersAfterTenSecondsOnce) {
  Pair pair(2);
  pair.a.send(pair.b, 1);
  pair.network.run_for(9s);
  const auto before = pair.network.datagrams;
  pair.network.run_for(2s);
  EXPECT_EQ(pair.network.datagrams, before + 1) << "one keepalive";
  pair.network.run_for(10min);
  EXPECT_EQ(pair.network.datagrams, before + 1) << "and no keepalive in answer to it";
}

TEST(Timers, SilenceForFifteenSecondsAfterSendingBeginsAHandshake) {
  Pair pair(3);
  pair.a.send(pair.b, 1);
  pair.network.run_for(30s);
  const auto handshakes = pair.network.handshakes;
  pair.network.loss = 1;
  pair.a.send(pair.b, 2);
  pair.network.run_for(14s);
  EXPECT_EQ(pair.network.handshakes, handshakes);
  EXPECT_EQ(pair.a.count<Event::Silent>(), 1U) << "the resolver is asked before the handshake";
  pair.network.run_for(2s);
  EXPECT_EQ(pair.network.handshakes, handshakes + 1);
}

TEST(Timers, GivesUpAfterNinetySecondsAndEighteenTries) {
  Pair pair(4);
  pair.network.loss = 1;
  pair.a.send(pair.b, 1);
  pair.network.run_for(100s);
  EXPECT_EQ(pair.network.handshakes, 18U);
  EXPECT_EQ(pair.a.count<Event::HandshakeGaveUp>(), 1U);
  pair.network.run_for(1h);
  EXPECT_EQ(pair.network.handshakes, 18U) << "silent until there is something to send";
  pair.network.loss = 0;
  pair.a.send(pair.b, 2);
  pair.network.run_for(1s);
  EXPECT_EQ(pair.b.delivered, std::vector<std::uint64_t>{2}) << "the queue was dropped, the next packet goes";
}

TEST(Timers, WhatWaitsInVainIsCountedByItsReason) {
  Pair pair(2);
  pair.network.loss = 1;
  for (std::uint64_t i = 0; i < 130; ++i) pair.a.send(pair.b, i);
  const protocol::DropCounters& drops = pair.a.plane.drops[pair.a.plane.threads.control()];
  EXPECT_EQ(drops.get(protocol::Drop::kQueueFull), 2U) << "128 may wait";
  pair.network.run_for(2min);
  EXPECT_EQ(drops.get(protocol::Drop::kUnanswered), 128U);
}

TEST(Timers, PersistentKeepalivesKeepComing) {
  Network network(5);
  Node a(network, "192.0.2.1:1111", "10.0.0.1");
  Node b(network, "192.0.2.2:2222", "10.0.0.2");
  a.add_peer(b, true, 25s);
  b.add_peer(a, false);
  network.run_for(1s);
  EXPECT_EQ(a.count<Event::SessionUp>(), 1U) << "turning it on begins at once";
  const auto before = network.data_messages;
  network.run_for(100s);
  EXPECT_GE(network.data_messages, before + 4);
  EXPECT_LE(network.data_messages, before + 5);
  EXPECT_EQ(network.violation, "");
}

TEST(Timers, OnlyTheInitiatorRenewsUnlessItIsGone) {
  Pair pair(6);
  for (int i = 0; i < 300; ++i) {
    pair.b.send(pair.a, static_cast<std::uint64_t>(i));
    pair.a.send(pair.b, static_cast<std::uint64_t>(i));
    pair.network.run_for(1s);
  }
  for (const auto& event : pair.b.events) {
    const auto* up = event.as<Event::SessionUp>();
    EXPECT_FALSE(up != nullptr && up->initiator);
  }
  EXPECT_EQ(pair.network.handshakes, 3U) << "at 0, 120 and 240 s";
}

TEST(Timers, AReceivingInitiatorRenewsBeforeTheKeyDies) {
  Pair pair(7);
  pair.a.send(pair.b, 0);
  pair.network.run_for(1s);
  for (std::uint64_t i = 1; i <= 170; ++i) {
    pair.b.send(pair.a, i);
    pair.network.run_for(1s);
  }
  EXPECT_EQ(pair.network.handshakes, 2U) << "asked for at 165 s, or at 120 s by a keepalive's sending";
  EXPECT_GE(pair.a.delivered.size(), 170U);
}

/// When the second initiation of an initiator that sends only keepalives, and frames, was sent.
Duration idle_rekey(protocol::TunnelOptions options) {
  Network network(5);
  Node a(network, "192.0.2.1:1111", "10.0.0.1", options);
  Node b(network, "192.0.2.2:2222", "10.0.0.2", options);
  a.add_peer(b, true, 10s);
  b.add_peer(a, false);
  network.run_for(1s);
  EXPECT_EQ(network.handshakes, 1U);
  const Duration begin = network.clock;
  while (network.handshakes < 2 && network.clock - begin < 10min) network.run_for(1s);
  EXPECT_EQ(network.violation, "");
  EXPECT_EQ(a.count<Event::SessionUp>(), 2U);
  return network.clock - begin;
}

TEST(Timers, AnInitiatorThatSendsOnlyKeepalivesRenewsAfterTwoMinutes) {
  EXPECT_LE(idle_rekey(kStock), 131s) << "the first keepalive after 120 s asks";
  EXPECT_LE(idle_rekey(kFast), 131s);
}

TEST(Timers, AnInitiatorThatSendsOnlyFramesRenewsAfterTwoMinutes) {
  Network network(5);
  Node a(network, "192.0.2.1:1111", "10.0.0.1", kFast);
  Node b(network, "192.0.2.2:2222", "10.0.0.2", kFast);
  const auto b_at_a = a.add_peer(b, true);
  b.add_peer(a, false);
  a.send(b, 1);
  network.run_for(1s);
  const Duration begin = network.clock;
  while (network.handshakes < 2 && network.clock - begin < 10min) {
    protocol::Actions actions;
    ASSERT_TRUE(a.tunnel->change(b_at_a)->send_frame({protocol::FrameType::kProbe, {{"id", 1}}},
                                                     network.now(), actions));
    for (const auto& datagram : actions.datagrams())
      network.transmit(a, datagram.to, actions.bytes(datagram));
    network.run_for(1s);
  }
  EXPECT_LE(network.clock - begin, 122s);
}

TEST(Timers, WhoSaysByeAsksForNoNewSession) {
  Network network(5);
  Node a(network, "192.0.2.1:1111", "10.0.0.1", kFast);
  Node b(network, "192.0.2.2:2222", "10.0.0.2", kFast);
  const auto b_at_a = a.add_peer(b, true);
  b.add_peer(a, false);
  a.send(b, 1);
  network.run_for(1s);
  network.clock += 130s;
  protocol::Actions actions;
  a.tunnel->change(b_at_a)->say_bye(network.now(), actions);
  ASSERT_EQ(actions.datagrams().size(), 1U);
  EXPECT_EQ(protocol::classify(actions.bytes(actions.datagrams()[0])), MessageType::kData);
}

/// Sessions whose keys a peer still has.
std::size_t sessions_with_keys(Node& node, protocol::PeerId peer) {
  const protocol::Keypairs& keypairs = node.tunnel->peer(peer).keypairs();
  std::size_t count = node.plane.quiescence.waiting();
  for (const protocol::Keypair* keypair : {keypairs.previous(), keypairs.current(), keypairs.next()})
    count += keypair != nullptr ? 1U : 0U;
  return count;
}

TEST(Timers, KeysAreWipedWhenTheyAreOfNoUseAnyMore) {
  Pair pair(8);
  pair.a.send(pair.b, 1);
  pair.network.run_for(179s);
  EXPECT_EQ(sessions_with_keys(pair.a, pair.b_at_a), 1U);
  EXPECT_EQ(sessions_with_keys(pair.b, pair.a_at_b), 1U);
  pair.network.run_for(1500ms);
  EXPECT_EQ(sessions_with_keys(pair.a, pair.b_at_a), 0U);
  EXPECT_EQ(sessions_with_keys(pair.b, pair.a_at_b), 0U);
  EXPECT_EQ(pair.a.count<Event::SessionExpired>(), 0U) << "what is known of the session goes later";
  pair.network.run_for(360s);
  EXPECT_EQ(pair.a.count<Event::SessionExpired>(), 1U);
  pair.a.send(pair.b, 2);
  pair.network.run_for(1s);
  EXPECT_EQ(pair.b.delivered, (std::vector<std::uint64_t>{1, 2}));
}

TEST(Timers, TheSessionBeforeIsWipedInItsOwnTime) {
  Pair pair(10);
  for (std::uint64_t i = 0; i < 179; ++i) {
    pair.a.send(pair.b, i);
    pair.network.run_for(1s);
  }
  EXPECT_EQ(sessions_with_keys(pair.a, pair.b_at_a), 2U);
  EXPECT_EQ(sessions_with_keys(pair.b, pair.a_at_b), 2U);
  pair.network.run_for(2s);
  EXPECT_EQ(sessions_with_keys(pair.a, pair.b_at_a), 1U);
  EXPECT_EQ(sessions_with_keys(pair.b, pair.a_at_b), 1U);
  pair.a.send(pair.b, 179);
  pair.network.run_for(1s);
  EXPECT_EQ(pair.network.handshakes, 2U) << "the session after it goes on";
  EXPECT_EQ(pair.b.delivered.size(), 180U);
}

TEST(Timers, KeysThatNobodyHasConfirmedAreWiped) {
  Pair pair(11);
  pair.network.on_wire = [](const Node&, ByteView bytes) {
    return protocol::classify(bytes) != MessageType::kResponse;
  };
  pair.a.send(pair.b, 1);
  pair.network.run_for(100s);
  ASSERT_EQ(pair.a.count<Event::HandshakeGaveUp>(), 1U);
  EXPECT_EQ(sessions_with_keys(pair.b, pair.a_at_b), 1U);
  pair.network.run_for(180s);
  EXPECT_EQ(sessions_with_keys(pair.b, pair.a_at_b), 0U);
}

/// Whether `secret` is anywhere in the peer's own memory.
bool holds(const protocol::Peer& peer, const std::vector<std::uint8_t>& secret) {
  const ByteView memory(reinterpret_cast<const std::uint8_t*>(&peer), sizeof peer);
  return !std::ranges::search(memory, secret).empty();
}

TEST(Timers, TheEphemeralKeyOfAHandshakeGoesWithItsAttempt) {
  Network network(12);
  Node a(network, "192.0.2.1:1111", "10.0.0.1"), b(network, "192.0.2.2:2222", "10.0.0.2");
  // All random bytes that have a key's length.
  std::vector<std::vector<std::uint8_t>> drawn;
  a.tunnel = std::make_unique<protocol::Tunnel>(
      a.key.clone(), *a.engine,
      [&](MutableBytes out) {
        network.random_bytes()(out);
        // X25519 keys are clamped (RFC 7748 section 5).
        if (out.size() == 32) drawn.emplace_back(out.begin() + 1, out.end() - 1);
      },
      a.plane, kStock);
  drawn.clear();
  network.loss = 1;
  const protocol::PeerId b_at_a = a.add_peer(b, true);
  a.send(b, 1);
  const protocol::Peer& peer = a.tunnel->peer(b_at_a);
  ASSERT_EQ(drawn.size(), 1U);
  EXPECT_TRUE(holds(peer, drawn[0])) << "where it is while the response is awaited";
  network.run_for(6s);
  ASSERT_EQ(drawn.size(), 2U);
  EXPECT_FALSE(holds(peer, drawn[0]));
  EXPECT_TRUE(holds(peer, drawn[1]));
  network.run_for(95s);
  ASSERT_EQ(a.count<Event::HandshakeGaveUp>(), 1U);
  for (const auto& secret : drawn) EXPECT_FALSE(holds(peer, secret));

  // One that succeeds.
  network.loss = 0;
  b.add_peer(a, false);
  a.send(b, 2);
  network.run_for(1s);
  ASSERT_EQ(b.delivered.size(), 1U);
  EXPECT_FALSE(holds(peer, drawn.back()));
}

TEST(Timers, KeysThatAWorkerWasReadingAreWipedSoonAfter) {
  Pair pair(13);
  pair.a.send(pair.b, 1);
  pair.network.run_for(179s);
  protocol::Quiescence::Reader& worker = pair.a.plane.quiescence.add_reader();
  worker.enter();
  pair.network.run_for(2s);
  EXPECT_EQ(pair.a.plane.quiescence.waiting(), 1U) << "it may still be reading";
  worker.leave();
  pair.network.run_for(200ms);
  EXPECT_EQ(pair.a.plane.quiescence.waiting(), 0U);
}

TEST(Timers, SleepingPastTheKeysLifeBeginsAnew) {
  Pair pair(9);
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  pair.network.clock += 8h;  // CLOCK_BOOTTIME goes on in sleep
  pair.a.send(pair.b, 2);
  pair.network.run_for(1s);
  EXPECT_EQ(pair.b.delivered, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(pair.network.handshakes, 2U);
  EXPECT_EQ(pair.network.violation, "");
}

}  // namespace
}  // namespace tunneld::simulation
