// Packets that are too large for the path to a peer: fragmented if that is allowed, answered if it is not,
// and never lost silently.
#include "common/net/mss_clamp.h"
#include "common/protocol/data_message.h"
#include "tests/simulation/simulated_network.h"
#include "tests/unit/net/packet_builder.h"

namespace tunneld::simulation {
namespace {

using namespace net::testing;  // NOLINT: the builder's vocabulary

constexpr std::size_t kPath = 1200;

/// A pair with a session and both families inside; `a` has learned of a path of 1,200 bytes to `b`.
struct NarrowPair : Pair {
  NarrowPair() : Pair(7) {
    b.on_packet = [this](std::span<const iovec> parts) {
      Bytes packet;
      for (const iovec& part : parts) put(packet, {static_cast<std::uint8_t*>(part.iov_base), part.iov_len});
      arrived.push_back(std::move(packet));
    };
    give_both_families(a, b_at_a, "10.0.0.2", "fd00::2");
    give_both_families(b, a_at_b, "10.0.0.1", "fd00::1");
    a.send(b, 1);
    network.run_for(1s);
    arrived.clear();
    a.tunnel->change(b_at_a)->link().path_mtu.store(kPath);
  }

  void give_both_families(Node& node, protocol::PeerId peer, const char* four, const char* six) {
    protocol::Tunnel::PeerChanges changes;
    changes.allowed_ips.push_back({peer, {*net::IpPrefix::parse(four), *net::IpPrefix::parse(six)}});
    node.tunnel->change_peers(std::move(changes), network.now());
  }

  /// Sends a packet through `a`; keeps what leaves in `datagrams`, and ICMP errors in `answers`.
  void send(const Bytes& bytes, const net::VirtioNetHeader& header = {}) {
    Bytes packet = bytes;
    datagrams.clear();
    answers.clear();
    arrived.clear();
    a.outbound.begin(network.now().boot);
    ASSERT_TRUE(a.outbound.add(header, packet));
    for (const protocol::SealedRun& run : a.outbound.finish()) {
      for (std::size_t at = 0; at < run.bytes.size(); at += run.segment_size) {
        const auto datagram = run.bytes.subspan(at, std::min(run.segment_size, run.bytes.size() - at));
        datagrams.push_back({datagram.size() - protocol::kDataOverhead, run.oversize});
        network.transmit(a, *run.endpoint, datagram);
      }
    }
    for (std::size_t i = 0; i < a.outbound.answers().size(); ++i)
      answers.emplace_back(a.outbound.answers()[i].begin(), a.outbound.answers()[i].end());
    network.run_for(1s);
  }

  struct Sent {
    std::size_t inner;
    bool oversize;
  };
  std::vector<Sent> datagrams;
  std::vector<Bytes> answers, arrived;
};

Bytes udp(bool ipv6, std::size_t size, std::uint16_t fragment_field = 0x4000) {
  PacketSpec spec = ipv6 ? PacketSpec::v6() : PacketSpec();
  spec.udp = true;
  spec.fragment_field = fragment_field;
  spec.payload = Bytes(size - (ipv6 ? 48 : 28), 5);
  return build(spec);
}

std::uint64_t dropped(const Node& node) {
  std::uint64_t total = 0;
  for (const auto& drops : node.plane.drops) total += drops.get(protocol::Drop::kTooLarge);
  return total;
}

TEST(TooLarge, WhatFitsExactlyPassesUnpaddedBeyondThePath) {
  NarrowPair pair;
  const Bytes packet = udp(false, kPath);
  pair.send(packet);
  ASSERT_EQ(pair.datagrams.size(), 1U);
  EXPECT_EQ(pair.datagrams[0].inner, kPath);
  EXPECT_EQ(pair.arrived, std::vector<Bytes>{packet});
  pair.send(udp(false, kPath - 7));  // the padding would reach beyond
  EXPECT_EQ(pair.datagrams[0].inner, kPath);
  EXPECT_TRUE(pair.answers.empty());
}

TEST(TooLarge, APacketThatMayNotBeFragmentedIsAnsweredFromWhereItWent) {
  NarrowPair pair;
  const Bytes packet = udp(false, kPath + 1);
  pair.send(packet);
  EXPECT_TRUE(pair.datagrams.empty());
  ASSERT_EQ(pair.answers.size(), 1U);
  const Bytes& answer = pair.answers[0];
  const auto ip = net::IpPacket::parse(answer);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->source_address(), address("10.0.0.2"));
  EXPECT_EQ(ip->destination_address(), address("10.0.0.1"));
  EXPECT_EQ(answer[20], 3);
  EXPECT_EQ(answer[21], 4);
  EXPECT_EQ(load_be16(&answer[26]), kPath);
  EXPECT_TRUE(std::equal(answer.begin() + 28, answer.end(), packet.begin()));
  EXPECT_EQ(dropped(pair.a), 1U);
}

TEST(TooLarge, APacketThatMayBeFragmentedIs) {
  NarrowPair pair;
  pair.send(udp(false, 3000, 0));
  ASSERT_EQ(pair.datagrams.size(), 3U);
  for (const auto& datagram : pair.datagrams) EXPECT_LE(datagram.inner, kPath);
  EXPECT_EQ(pair.arrived.size(), 3U);
  EXPECT_TRUE(pair.answers.empty());
  EXPECT_EQ(dropped(pair.a), 0U);
}

TEST(TooLarge, Ipv6IsToldNoLessThanEveryPathCarriesAndSoMuchPasses) {
  NarrowPair pair;
  pair.send(udp(true, 1281));
  ASSERT_EQ(pair.answers.size(), 1U);
  EXPECT_EQ(pair.answers[0][40], 2) << "packet too big";
  EXPECT_EQ(load_be32(&pair.answers[0][44]), 1280U);
  const Bytes packet = udp(true, 1280);
  pair.send(packet);
  EXPECT_TRUE(pair.answers.empty());
  ASSERT_EQ(pair.datagrams.size(), 1U);
  EXPECT_TRUE(pair.datagrams[0].oversize) << "has to be fragmented outside";
  EXPECT_EQ(pair.arrived, std::vector<Bytes>{packet});
  pair.a.tunnel->change(pair.b_at_a)->link().path_mtu.store(1300);
  pair.send(udp(true, 1301));
  ASSERT_EQ(pair.answers.size(), 1U);
  EXPECT_EQ(load_be32(&pair.answers[0][44]), 1300U);
}

/// Sends `payload` as this host's TCP, as one superpacket or a plain segment, and follows it.
void expect_cut_and_told(std::size_t payload, std::uint16_t gso_size) {
  for (const bool ipv6 : {false, true}) {
    NarrowPair pair;
    PacketSpec spec = ipv6 ? PacketSpec::v6() : PacketSpec();
    Random random(1);
    spec.payload = random_bytes(random, payload);
    const std::size_t start = transport_offset(spec);
    const std::uint8_t type = ipv6 ? net::kVirtioGsoTcp6 : net::kVirtioGsoTcp4;
    pair.send(build(spec, Checksum::kPseudoHeaderOnly),
              {.flags = net::kVirtioNeedsChecksum,
               .gso_type = gso_size == 0 ? net::kVirtioGsoNone : type,
               .gso_size = gso_size,
               .csum_start = static_cast<std::uint16_t>(start),
               .csum_offset = 16});
    ASSERT_EQ(pair.answers.size(), 1U);
    const auto quoted = ByteView(pair.answers[0]).subspan(ipv6 ? 48 : 28);
    EXPECT_EQ(load_be32(&quoted[start + 4]), spec.sequence) << "the sender knows its packet by this";
    Bytes stream;
    for (const auto& datagram : pair.datagrams) EXPECT_LE(datagram.inner, kPath);
    for (const Bytes& packet : pair.arrived) {
      PacketSpec shape = spec;
      EXPECT_EQ(wrong_checksum(shape, packet), "");
      put(stream, ByteView(packet).subspan(start + 20));
    }
    EXPECT_EQ(stream, spec.payload);
    EXPECT_EQ(dropped(pair.a), 0U);
  }
}

TEST(TooLarge, ATcpSuperpacketIsCutSmallerAndTheSenderTold) {
  expect_cut_and_told(20000, 1380);
}

TEST(TooLarge, APlainTcpSegmentIsCutSmallerAndTheSenderTold) {
  expect_cut_and_told(1380, 0);
}

TEST(TooLarge, ATcpSegmentOfSomebodyElseIsNotCut) {
  NarrowPair pair;
  PacketSpec spec;
  spec.payload = Bytes(1380, 3);
  pair.send(build(spec));
  EXPECT_EQ(pair.answers.size(), 1U);
  EXPECT_TRUE(pair.arrived.empty());
  EXPECT_EQ(dropped(pair.a), 1U);
}

TEST(TooLarge, UdpSuperpacketsAreJudgedDatagramByDatagram) {
  NarrowPair pair;
  PacketSpec spec;
  spec.udp = true;
  spec.payload = Bytes(1300 * 3 + 100, 9);
  const net::VirtioNetHeader header{.flags = net::kVirtioNeedsChecksum,
                                    .gso_type = net::kVirtioGsoUdp,
                                    .gso_size = 1300,
                                    .csum_start = 20,
                                    .csum_offset = 6};
  pair.send(build(spec, Checksum::kPseudoHeaderOnly), header);
  EXPECT_EQ(pair.answers.size(), 1U) << "one answer for all of them";
  EXPECT_EQ(pair.arrived.size(), 1U) << "the short last one fits";
  EXPECT_EQ(dropped(pair.a), 3U);
  spec.fragment_field = 0;
  pair.send(build(spec, Checksum::kPseudoHeaderOnly), header);
  EXPECT_TRUE(pair.answers.empty());
  EXPECT_EQ(pair.arrived.size(), 7U);
}

TEST(TooLarge, AnswersHaveABudget) {
  NarrowPair pair;
  Bytes packet = udp(false, 1400);
  std::size_t answers = 0;
  for (int i = 0; i < 1000; ++i) {
    pair.a.outbound.begin(pair.network.now().boot);
    ASSERT_TRUE(pair.a.outbound.add({}, packet));
    answers += pair.a.outbound.answers().size();
  }
  EXPECT_EQ(answers, static_cast<std::size_t>(protocol::InnerIcmpErrors::kBurst));
  pair.network.run_for(100ms);
  pair.a.outbound.begin(pair.network.now().boot);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pair.a.outbound.add({}, packet));
  EXPECT_EQ(pair.a.outbound.answers().size(), protocol::InnerIcmpErrors::kMost) << "one batch";
}

TEST(TooLarge, AChecksumIsFinishedOnceThoughTheBatchWasFull) {
  NarrowPair pair;
  pair.a.tunnel->change(pair.b_at_a)->link().path_mtu.store(protocol::kNoPathMtu);
  PacketSpec spec;
  spec.payload = Bytes(1300, 3);
  const net::VirtioNetHeader header{.flags = net::kVirtioNeedsChecksum, .csum_start = 20, .csum_offset = 16};
  pair.a.outbound.begin(pair.network.now().boot);
  Bytes packet;
  bool added = true;
  for (int i = 0; added && i < 1000; ++i) {
    packet = build(spec, Checksum::kPseudoHeaderOnly);
    added = pair.a.outbound.add(header, packet);
  }
  ASSERT_FALSE(added) << "never full";
  pair.send(packet, header);
  ASSERT_EQ(pair.arrived.size(), 1U);
  EXPECT_EQ(wrong_checksum(spec, pair.arrived[0]), "");
}

TEST(MssClamp, SynsAreClampedBothWaysWhenAsked) {
  NarrowPair pair;
  PacketSpec syn;
  syn.flags = 0x02;
  syn.tcp_options = {2, 4, 0x05, 0xb4};
  const auto mss = [&] {
    EXPECT_EQ(pair.arrived.size(), 1U);
    return pair.arrived.empty() ? 0 : load_be16(&pair.arrived[0][42]);
  };
  pair.send(build(syn));
  EXPECT_EQ(mss(), 1460) << "not asked";
  pair.a.plane.mss_clamp.store(net::kMssFromPath);
  pair.send(build(syn));
  EXPECT_EQ(mss(), kPath - 40) << "on the way out";
  EXPECT_EQ(wrong_checksum(syn, pair.arrived[0]), "");
  pair.a.plane.mss_clamp.store(net::kMssOff);
  pair.b.plane.mss_clamp.store(1000);
  pair.send(build(syn));
  EXPECT_EQ(mss(), 1000) << "on the way in";
  EXPECT_EQ(wrong_checksum(syn, pair.arrived[0]), "");
}

TEST(TooLarge, ASuperpacketOfOversizeDatagramsStaysWithinTheBuffer) {
  // Over jumbo frames and IPv6 each datagram that leaves in outer fragments is padded to nine kilobytes.
  NarrowPair pair;
  const auto peer = pair.a.tunnel->change(pair.b_at_a);
  peer->try_endpoint(endpoint("[2001:db8::2]:2222"), pair.network.now(), pair.a.actions);
  peer->link().fragmented_from.store(8921);

  constexpr std::size_t kPiece = 1232;
  PacketSpec spec = PacketSpec::v6();
  spec.udp = true;
  spec.payload = Bytes(53 * kPiece, 5);
  const Bytes superpacket = build(spec);
  const net::VirtioNetHeader header{.flags = net::kVirtioNeedsChecksum,
                                    .gso_type = net::kVirtioGsoUdp,
                                    .hdr_len = 48,
                                    .gso_size = kPiece,
                                    .csum_start = 40,
                                    .csum_offset = 6};
  pair.send(superpacket, header);
  ASSERT_FALSE(pair.datagrams.empty());
  std::size_t bytes = 0;
  for (const auto& datagram : pair.datagrams) {
    EXPECT_TRUE(datagram.oversize);
    EXPECT_EQ(datagram.inner, 8921U);
    bytes += datagram.inner + protocol::kDataOverhead;
  }
  EXPECT_LE(bytes, std::size_t{256} << 10);
  EXPECT_EQ(pair.datagrams.size() + dropped(pair.a), 53U);
}

}  // namespace
}  // namespace tunneld::simulation
