// What the coalescer joins can be cut again into the very packets that came in; all else is left alone, and
// nothing overtakes within a flow.
#include "common/net/coalesce.h"

#include <algorithm>
#include <functional>
#include <map>

#include <gtest/gtest.h>

#include "common/net/segment.h"
#include "tests/unit/net/packet_builder.h"

namespace tunneld::net {
namespace {

using namespace testing;  // NOLINT: the builder's vocabulary

constexpr Coalescer::Options kAll{.tcp = true, .udp = true};

struct Written {
  VirtioNetHeader header;
  Bytes bytes;
  std::size_t parts = 0;
};

std::vector<Written> coalesce(std::vector<Bytes>& packets, std::size_t link = 0,
                              Coalescer::Options options = kAll) {
  Coalescer coalescer(options);
  std::vector<Written> out;
  const auto write = [&out](const VirtioNetHeader& header, std::span<const iovec> parts) {
    Written written{header, {}, parts.size()};
    for (const iovec& part : parts)
      put(written.bytes, {static_cast<std::uint8_t*>(part.iov_base), part.iov_len});
    out.push_back(std::move(written));
  };
  for (Bytes& packet : packets) {
    if (coalescer.full()) coalescer.flush(write);
    const auto ip = IpPacket::parse(ByteView(packet).subspan(link));
    if (ip) {
      coalescer.add(packet, *ip, link);
    } else {
      coalescer.add(packet);
    }
  }
  coalescer.flush(write);
  EXPECT_TRUE(coalescer.empty());
  return out;
}

/// How many superpackets or packets come out.
std::size_t written_for(std::vector<Bytes> packets, Coalescer::Options options = kAll) {
  return coalesce(packets, 0, options).size();
}

std::vector<Bytes> cut(Written& written, std::size_t link = 0) {
  const auto plan = Segmenter::plan(written.header, written.bytes, link);
  EXPECT_TRUE(plan.has_value());
  std::vector<Bytes> packets;
  for (std::size_t i = 0; plan && i < plan->count(); ++i) {
    packets.emplace_back(plan->size(i));
    plan->write(i, packets.back().data());
  }
  return packets;
}

/// The `index`-th packet of a flow that sends `piece` bytes at a time.
PacketSpec nth(PacketSpec spec, std::size_t index, std::size_t piece = 100) {
  spec.sequence += static_cast<std::uint32_t>(index * piece);
  spec.id = static_cast<std::uint16_t>(spec.id + index);
  spec.payload = Bytes(piece, static_cast<std::uint8_t>(index));
  return spec;
}

std::vector<Bytes> series(const PacketSpec& spec, std::size_t count, std::size_t piece = 100) {
  std::vector<Bytes> packets;
  for (std::size_t i = 0; i < count; ++i) packets.push_back(build(nth(spec, i, piece)));
  return packets;
}

std::vector<PacketSpec> four_kinds() {
  PacketSpec udp;
  udp.udp = true;
  PacketSpec udp6 = PacketSpec::v6();
  udp6.udp = true;
  return {PacketSpec(), PacketSpec::v6(), udp, udp6};
}

TEST(Coalesce, ASeriesOfEqualPacketsBecomesOneSuperpacketThatCutsBackIntoThem) {
  for (const PacketSpec& spec : four_kinds()) {
    for (const std::size_t last : {100U, 99U, 1U}) {
      std::vector<Bytes> packets = series(spec, 10);
      PacketSpec tail = nth(spec, 10);
      tail.payload.resize(last);
      packets.push_back(build(tail));
      const std::vector<Bytes> sent = packets;
      std::vector<Written> written = coalesce(packets);
      ASSERT_EQ(written.size(), 1U);
      EXPECT_EQ(written[0].parts, 11U);
      EXPECT_EQ(written[0].header.gso_size, 100U);
      EXPECT_EQ(written[0].header.hdr_len, payload_offset(spec));
      EXPECT_EQ(cut(written[0]), sent);
    }
  }
}

TEST(Coalesce, AFrameWithALinkHeaderIsJoinedBehindIt) {
  for (PacketSpec spec : four_kinds()) {
    for (const std::size_t size : {14U, 18U}) {
      spec.link = Bytes(size, 0x42);
      std::vector<Bytes> packets = series(spec, 5);
      const std::vector<Bytes> sent = packets;
      std::vector<Written> written = coalesce(packets, size);
      ASSERT_EQ(written.size(), 1U);
      EXPECT_EQ(cut(written[0], size), sent);
    }
    std::vector<Bytes> packets = series(spec, 2);
    packets[1][3] ^= 1;  // another MAC address
    EXPECT_EQ(coalesce(packets, 18).size(), 2U);
  }
}

TEST(Coalesce, PaddingOfAShortFrameIsNotTakenForPayload) {
  PacketSpec spec;
  spec.link = Bytes(14, 0x42);
  std::vector<Bytes> packets = series(spec, 3, 2);
  packets[1].resize(60);
  const std::vector<Bytes> sent = packets;
  const std::vector<Written> written = coalesce(packets, 14);
  ASSERT_EQ(written.size(), 3U);
  EXPECT_EQ(written[1].bytes, sent[1]);
}

TEST(Coalesce, APacketAloneIsDeliveredUntouchedAndUnsummed) {
  for (const PacketSpec& spec : four_kinds()) {
    Bytes packet = build(nth(spec, 0));
    packet.back() ^= 1;
    std::vector<Bytes> packets = {packet};
    const std::vector<Written> written = coalesce(packets);
    ASSERT_EQ(written.size(), 1U);
    EXPECT_EQ(written[0].bytes, packet);
    EXPECT_EQ(written[0].header, VirtioNetHeader{});
  }
}

TEST(Coalesce, ACorruptPacketStaysCorruptAloneAndInItsPlace) {
  for (const PacketSpec& spec : four_kinds()) {
    const std::size_t header = payload_offset(spec);
    for (const std::size_t at : {header, header + 99, transport_offset(spec) + (spec.udp ? 6 : 16)}) {
      for (std::size_t victim = 0; victim < 5; ++victim) {
        std::vector<Bytes> packets = series(spec, 5);
        packets[victim][at] ^= 4;
        const std::vector<Bytes> sent = packets;
        std::vector<Bytes> received;
        for (Written& written : coalesce(packets)) {
          for (const Bytes& packet : cut(written)) received.push_back(packet);
          if (written.bytes == sent[victim]) {
            EXPECT_EQ(written.header, VirtioNetHeader{}) << "not vouched for";
          }
        }
        EXPECT_EQ(received, sent);
      }
    }
  }
}

TEST(Coalesce, AnIpv4HeaderWithAWrongChecksumIsNotRepaired) {
  std::vector<Bytes> packets = series(PacketSpec(), 3);
  packets[1][10] ^= 1;
  const std::vector<Bytes> sent = packets;
  const std::vector<Written> written = coalesce(packets);
  ASSERT_EQ(written.size(), 3U);
  EXPECT_EQ(written[1].bytes, sent[1]);
}

/// Two packets of one flow, the second changed.
struct Neighbour {
  const char* name;
  std::function<void(PacketSpec&)> change;
};

std::size_t written_with(const PacketSpec& spec, const std::function<void(PacketSpec&)>& change) {
  PacketSpec second = nth(spec, 1);
  change(second);
  return written_for({build(nth(spec, 0)), build(second)});
}

TEST(Coalesce, PacketsThatDifferInAnyHeaderAreNotJoined) {
  const std::vector<Neighbour> any = {
      {"source", [](PacketSpec& s) { s.source[3] ^= 1; }},
      {"destination", [](PacketSpec& s) { s.destination.back() ^= 1; }},
      {"source port", [](PacketSpec& s) { s.source_port ^= 1; }},
      {"destination port", [](PacketSpec& s) { s.destination_port ^= 1; }},
      {"DSCP", [](PacketSpec& s) { s.traffic_class ^= 4; }},
      {"ECN", [](PacketSpec& s) { s.traffic_class ^= 3; }},
      {"TTL", [](PacketSpec& s) { s.ttl ^= 1; }},
      {"a longer payload", [](PacketSpec& s) { s.payload.push_back(0); }},
      {"no payload", [](PacketSpec& s) { s.payload.clear(); }},
      {"the other transport", [](PacketSpec& s) { s.udp = !s.udp; }},
  };
  const std::vector<Neighbour> tcp = {
      {"a gap", [](PacketSpec& s) { ++s.sequence; }},
      {"an overlap", [](PacketSpec& s) { --s.sequence; }},
      {"acknowledgement", [](PacketSpec& s) { ++s.acknowledgement; }},
      {"window", [](PacketSpec& s) { ++s.window; }},
      {"urgent", [](PacketSpec& s) { ++s.urgent; }},
      {"options",
       [](PacketSpec& s) {
         s.tcp_options = {1, 1, 1, 1};
       }},
      {"accurate ECN", [](PacketSpec& s) { s.reserved = 1; }},
      {"FIN", [](PacketSpec& s) { s.flags |= 0x01; }},
      {"SYN", [](PacketSpec& s) { s.flags |= 0x02; }},
      {"RST", [](PacketSpec& s) { s.flags |= 0x04; }},
      {"URG", [](PacketSpec& s) { s.flags |= 0x20; }},
      {"ECE", [](PacketSpec& s) { s.flags |= 0x40; }},
      {"CWR", [](PacketSpec& s) { s.flags |= 0x80; }},
      {"no ACK", [](PacketSpec& s) { s.flags = 0; }},
  };
  const std::vector<Neighbour> ipv4 = {
      {"no DF", [](PacketSpec& s) { s.fragment_field = 0; }},
      {"the reserved flag", [](PacketSpec& s) { s.fragment_field |= 0x8000; }},
      {"more fragments", [](PacketSpec& s) { s.fragment_field = 0x2000; }},
      {"a fragment offset", [](PacketSpec& s) { s.fragment_field = 1; }},
      {"IP options",
       [](PacketSpec& s) {
         s.ip_options = {1, 1, 1, 1};
       }},
  };
  const std::vector<Neighbour> ipv6 = {
      {"flow label", [](PacketSpec& s) { s.flow_label = 1; }},
      {"an extension header",
       [](PacketSpec& s) {
         s.first_next = 60;
         s.extensions = {static_cast<std::uint8_t>(s.udp ? 17 : 6), 0, 1, 4, 0, 0, 0, 0};
       }},
  };
  for (const PacketSpec& spec : four_kinds()) {
    ASSERT_EQ(written_with(spec, [](PacketSpec&) {}), 1U);
    std::vector<Neighbour> all = any;
    const auto append = [&all](const std::vector<Neighbour>& more) {
      all.insert(all.end(), more.begin(), more.end());
    };
    if (!spec.udp) append(tcp);
    append(spec.ipv6 ? ipv6 : ipv4);
    for (const Neighbour& neighbour : all) {
      EXPECT_EQ(written_with(spec, neighbour.change), 2U)
          << neighbour.name << (spec.udp ? ", UDP" : ", TCP") << (spec.ipv6 ? " over IPv6" : " over IPv4");
    }
  }
}

TEST(Coalesce, OptionsThatAreEqualAreJoinedAndTimestampsThatDifferAreNot) {
  PacketSpec spec;
  spec.tcp_options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
  EXPECT_EQ(written_with(spec, [](PacketSpec&) {}), 1U);
  EXPECT_EQ(written_with(spec, [](PacketSpec& s) { s.tcp_options[7] = 9; }), 2U);
}

TEST(Coalesce, Ipv4IdsCountUpUnlessDontFragmentMakesThemMeaningless) {
  PacketSpec spec;
  EXPECT_EQ(written_with(spec, [](PacketSpec& s) { s.id = 7; }), 1U);
  spec.fragment_field = 0;
  EXPECT_EQ(written_with(spec, [](PacketSpec&) {}), 1U);
  EXPECT_EQ(written_with(spec, [](PacketSpec& s) { ++s.id; }), 2U);
  EXPECT_EQ(written_with(spec, [](PacketSpec& s) { --s.id; }), 2U);
  spec.id = 0xffff;
  EXPECT_EQ(written_with(spec, [](PacketSpec&) {}), 1U) << "wraps";
}

TEST(Coalesce, PushAndAShorterPieceEndASuperpacket) {
  PacketSpec spec;
  std::vector<Bytes> packets;
  for (std::size_t i = 0; i < 6; ++i) {
    PacketSpec part = nth(spec, i);
    if (i == 2) part.flags |= 0x08;
    packets.push_back(build(part));
  }
  const std::vector<Bytes> sent = packets;
  std::vector<Written> written = coalesce(packets);
  ASSERT_EQ(written.size(), 2U);
  EXPECT_EQ(written[0].parts, 3U);
  EXPECT_EQ(cut(written[0]), std::vector<Bytes>(sent.begin(), sent.begin() + 3));

  PacketSpec shorter = nth(spec, 1);
  shorter.payload.resize(50);
  PacketSpec next = nth(spec, 1);
  next.sequence += 50;
  next.payload.resize(50);
  EXPECT_EQ(written_for({build(nth(spec, 0)), build(shorter), build(next)}), 2U);
}

TEST(Coalesce, OnlyWhatTheDeviceTakesIsJoined) {
  for (const PacketSpec& spec : four_kinds()) {
    EXPECT_EQ(written_for(series(spec, 3), {.tcp = !spec.udp, .udp = spec.udp}), 1U);
    EXPECT_EQ(written_for(series(spec, 3), {.tcp = spec.udp, .udp = !spec.udp}), 3U);
  }
}

TEST(Coalesce, ADatagramWithoutAChecksumOrWithAWrongLengthStaysAlone) {
  PacketSpec spec;
  spec.udp = true;
  std::vector<Bytes> packets = series(spec, 2);
  store_be16(packets[1].data() + 26, 0);
  EXPECT_EQ(written_for(packets), 2U);
  for (const int change : {-1, 1}) {
    packets = series(spec, 2);
    store_be16(packets[1].data() + 24, static_cast<std::uint16_t>(108 + change));
    EXPECT_EQ(written_for(packets), 2U);
  }
}

TEST(Coalesce, ASuperpacketStaysWithinTheLimitsOfTheKernel) {
  for (const PacketSpec& spec : four_kinds()) {
    for (const std::size_t piece : {1U, 100U, 1380U, 8900U, 40000U}) {
      std::vector<Bytes> packets = series(spec, 300, piece);
      const std::vector<Bytes> sent = packets;
      std::vector<Bytes> received;
      std::vector<Written> out = coalesce(packets);
      for (Written& written : out) {
        EXPECT_LE(written.bytes.size(), 65535U);
        EXPECT_LE(written.parts, spec.udp ? 64U : 128U);
        for (const Bytes& packet : cut(written)) received.push_back(packet);
      }
      EXPECT_EQ(received, sent);
      const std::size_t most =
          std::min<std::size_t>(spec.udp ? 64 : 128, (65535 - payload_offset(spec)) / piece);
      EXPECT_EQ(out.size(), (300 + most - 1) / most) << "as few as the limits allow";
    }
  }
}

TEST(Coalesce, WhatIsBetweenDoesNotSplitAFlowUnlessItMayBelongToIt) {
  const auto with_between = [](const Bytes& between) {
    std::vector<Bytes> packets = series(PacketSpec(), 2);
    packets.insert(packets.begin() + 1, between);
    return coalesce(packets).size();
  };
  PacketSpec other;
  other.source_port = 1;
  EXPECT_EQ(with_between(build(nth(other, 0))), 2U);
  Bytes icmp = build(nth(PacketSpec(), 0));
  icmp[9] = 1;
  EXPECT_EQ(with_between(icmp), 2U);
  EXPECT_EQ(with_between({0, 1, 2, 3}), 2U) << "not IP";
  PacketSpec fragment = nth(PacketSpec(), 9);
  fragment.fragment_field = 0x2000;
  EXPECT_EQ(with_between(build(fragment)), 3U);
}

TEST(Coalesce, MoreFlowsThanTheTableHoldsKeepTheirOrder) {
  std::vector<Bytes> packets;
  for (std::size_t i = 0; i < 20; ++i) {
    for (std::uint16_t port = 1; port <= 40; ++port) {
      PacketSpec spec;
      spec.source_port = port;
      packets.push_back(build(nth(spec, i)));
    }
  }
  const std::vector<Bytes> sent = packets;
  std::map<std::uint16_t, std::vector<Bytes>> before, after;
  const auto port_of = [](const Bytes& packet) { return load_be16(packet.data() + 20); };
  for (const Bytes& packet : sent) before[port_of(packet)].push_back(packet);
  for (Written& written : coalesce(packets)) {
    for (const Bytes& packet : cut(written)) after[port_of(packet)].push_back(packet);
  }
  EXPECT_EQ(after, before);
}

TEST(Coalesce, AFullBatchAsksForAFlush) {
  Coalescer coalescer(kAll);
  Bytes packet = build(nth(PacketSpec(), 0));
  const auto ip = IpPacket::parse(packet);
  for (std::size_t i = 0; i < Coalescer::kMaxPackets; ++i) {
    ASSERT_FALSE(coalescer.full());
    coalescer.add(packet, *ip);
  }
  EXPECT_TRUE(coalescer.full());
  std::size_t written = 0;
  coalescer.flush([&](const VirtioNetHeader&, std::span<const iovec>) { ++written; });
  EXPECT_EQ(written, Coalescer::kMaxPackets) << "all have the same sequence number";
  EXPECT_FALSE(coalescer.full());
}

TEST(Coalesce, EveryLengthThatTheIpHeaderMayClaimIsHandled) {
  for (const PacketSpec& spec : four_kinds()) {
    const Bytes whole = build(nth(spec, 0));
    for (std::size_t length = spec.ipv6 ? 40 : 20; length < whole.size(); ++length) {
      Bytes packet(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      store_be16(packet.data() + (spec.ipv6 ? 4 : 2),
                 static_cast<std::uint16_t>(spec.ipv6 ? length - 40 : length));
      packet.shrink_to_fit();
      std::vector<Bytes> packets = {packet, packet};
      const std::vector<Written> written = coalesce(packets);
      ASSERT_EQ(written.size(), 2U);
      EXPECT_EQ(written[0].bytes, packet);
      EXPECT_EQ(written[1].bytes, packet);
    }
  }
}

/// One flow of the random traffic; its addresses are its own, so that fragments can be told apart too.
PacketSpec random_flow(Random& random, std::uint8_t number) {
  PacketSpec spec = random() % 2 == 0 ? PacketSpec::v6() : PacketSpec();
  spec.udp = random() % 2 == 0;
  spec.source.back() = number;
  spec.fragment_field = random() % 2 == 0 ? 0x4000 : 0;
  spec.tcp_options = random_bytes(random, random() % 2 == 0 ? 0 : 12);
  spec.sequence = static_cast<std::uint32_t>(random());
  return spec;
}

void disturb(Random& random, PacketSpec& spec) {
  switch (random() % 12) {
    case 0:
      spec.flags ^= static_cast<std::uint8_t>(1U << random() % 8);
      break;
    case 1:
      spec.sequence += static_cast<std::uint32_t>(between(random, 1, 3000));
      break;
    case 2:
      spec.traffic_class ^= 1;
      break;
    case 3:
      spec.ttl ^= 1;
      break;
    case 4:
      spec.window ^= 1;
      break;
    case 5:
      spec.acknowledgement ^= 1;
      break;
    case 6:
      spec.fragment_field = static_cast<std::uint16_t>(random());
      break;
    case 7:
      spec.flow_label ^= 1;
      break;
    case 8:
      spec.tcp_options.resize(12, 1);
      break;
    case 9:
      spec.payload.clear();
      break;
    case 10:
      spec.ip_options = spec.ipv6 ? Bytes() : Bytes(4, 1);
      break;
    default:
      if (!spec.ipv6) break;
      spec.first_next = 60;
      spec.extensions = {static_cast<std::uint8_t>(spec.udp ? 17 : 6), 0, 1, 4, 0, 0, 0, 0};
  }
}

TEST(Coalesce, RandomTrafficComesOutAsItWentIn) {
  Random random(11);
  std::size_t packets_in = 0;
  std::size_t writes = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<PacketSpec> flows;
    for (std::size_t i = 0; i < between(random, 1, 24); ++i) {
      flows.push_back(random_flow(random, static_cast<std::uint8_t>(i + 1)));
    }
    std::vector<Bytes> packets;
    for (std::size_t i = 0; i < 300; ++i) {
      PacketSpec& flow = flows[random() % flows.size()];
      const std::size_t burst = between(random, 1, 5);
      for (std::size_t j = 0; j < burst; ++j) {
        PacketSpec packet = flow;
        packet.payload = random_bytes(random, random() % 10 == 0 ? between(random, 0, 120) : 100);
        if (random() % 10 == 0) disturb(random, packet);
        flow.sequence = packet.sequence + static_cast<std::uint32_t>(packet.payload.size());
        ++flow.id;
        packets.push_back(build(packet));
        if (random() % 20 == 0 && !packet.payload.empty()) packets.back().back() ^= 1;
      }
    }
    const auto by_flow = [](const std::vector<Bytes>& all) {
      std::map<Bytes, std::vector<Bytes>> flows_of;
      for (const Bytes& packet : all) {
        const bool ipv6 = packet[0] >> 4 == 6;
        const auto source = packet.begin() + (ipv6 ? 8 : 12);
        flows_of[Bytes(source, source + (ipv6 ? 16 : 4))].push_back(packet);
      }
      return flows_of;
    };
    const auto before = by_flow(packets);
    packets_in += packets.size();
    std::vector<Bytes> received;
    for (Written& written : coalesce(packets)) {
      ++writes;
      for (Bytes& packet : cut(written)) received.push_back(std::move(packet));
    }
    ASSERT_TRUE(by_flow(received) == before) << "round " << round;
  }
  EXPECT_LT(writes, packets_in * 3 / 4) << "too little was joined to mean anything";
}

}  // namespace
}  // namespace tunneld::net
