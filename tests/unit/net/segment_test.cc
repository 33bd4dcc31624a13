// Superpackets are cut into exactly the packets that their sender would have sent one by one.
#include "common/net/segment.h"

#include <gtest/gtest.h>

#include "common/net/ip_packet.h"
#include "tests/unit/net/packet_builder.h"

namespace tunneld::net {
namespace {

using namespace testing;  // NOLINT: the builder's vocabulary

constexpr std::uint8_t kFin = 0x01, kPsh = 0x08, kAck = 0x10, kUrg = 0x20, kEce = 0x40, kCwr = 0x80;

VirtioNetHeader superpacket_header(const PacketSpec& spec, std::size_t piece) {
  VirtioNetHeader header;
  header.flags = kVirtioNeedsChecksum;
  header.gso_type = spec.udp ? kVirtioGsoUdp : spec.ipv6 ? kVirtioGsoTcp6 : kVirtioGsoTcp4;
  header.hdr_len = 9999;  // not to be trusted
  header.gso_size = static_cast<std::uint16_t>(piece);
  header.csum_start = static_cast<std::uint16_t>(transport_offset(spec));
  header.csum_offset = spec.udp ? 6 : 16;
  return header;
}

/// The packets that a sender without offloads would have made of `whole`.
std::vector<Bytes> cut_by_hand(const PacketSpec& whole, std::size_t piece) {
  std::vector<Bytes> packets;
  for (std::size_t offset = 0; offset < whole.payload.size(); offset += piece) {
    PacketSpec part = whole;
    const std::size_t end = std::min(offset + piece, whole.payload.size());
    part.payload.assign(whole.payload.begin() + static_cast<std::ptrdiff_t>(offset),
                        whole.payload.begin() + static_cast<std::ptrdiff_t>(end));
    part.sequence += static_cast<std::uint32_t>(offset);
    part.id = static_cast<std::uint16_t>(part.id + offset / piece);
    if (offset > 0) part.flags &= static_cast<std::uint8_t>(~unsigned{kCwr});
    if (end < whole.payload.size()) part.flags &= static_cast<std::uint8_t>(~unsigned{kFin | kPsh});
    packets.push_back(build(part));
  }
  return packets;
}

std::vector<Bytes> write_all(const Segmenter& plan) {
  std::vector<Bytes> packets;
  for (std::size_t i = 0; i < plan.count(); ++i) {
    packets.emplace_back(plan.size(i));
    plan.write(i, packets.back().data());
  }
  return packets;
}

std::optional<std::vector<Bytes>> cut(const VirtioNetHeader& header, Bytes packet, std::size_t link = 0) {
  const auto plan = Segmenter::plan(header, packet, link);
  if (!plan) return std::nullopt;
  return write_all(*plan);
}

/// An options header (hop-by-hop or destination) of `size` bytes, a multiple of 8, that leads to `next`.
Bytes options_header(unsigned next, std::size_t size) {
  Bytes bytes;
  put8(bytes, next);
  put8(bytes, static_cast<unsigned>(size / 8 - 1));
  put8(bytes, 1);  // PadN over the rest
  put8(bytes, static_cast<unsigned>(size - 4));
  bytes.resize(size);
  return bytes;
}

PacketSpec random_spec(Random& random) {
  PacketSpec spec = random() % 2 == 0 ? PacketSpec::v6() : PacketSpec();
  spec.udp = random() % 3 == 0;
  spec.source = random_bytes(random, spec.source.size());
  spec.destination = random_bytes(random, spec.source.size());
  spec.source_port = static_cast<std::uint16_t>(random());
  spec.destination_port = static_cast<std::uint16_t>(random());
  spec.traffic_class = static_cast<std::uint8_t>(random());
  spec.ttl = static_cast<std::uint8_t>(random());
  spec.id = static_cast<std::uint16_t>(random());
  spec.fragment_field = random() % 2 == 0 ? 0x4000 : 0;
  spec.flow_label = static_cast<std::uint32_t>(random() & 0xfffff);
  spec.sequence = static_cast<std::uint32_t>(random());
  spec.acknowledgement = static_cast<std::uint32_t>(random());
  spec.window = static_cast<std::uint16_t>(random());
  spec.urgent = static_cast<std::uint16_t>(random());
  spec.reserved = static_cast<std::uint8_t>(random() & 15);
  spec.flags = static_cast<std::uint8_t>(random());
  spec.tcp_options = random_bytes(random, between(random, 0, 10) * 4);
  if (!spec.ipv6) spec.ip_options = random_bytes(random, between(random, 0, 3) * 4);
  if (spec.ipv6 && random() % 2 == 0) {
    spec.extensions = options_header(spec.udp ? 17 : 6, between(random, 1, 4) * 8);
    spec.first_next = random() % 2 == 0 ? 0 : 60;
  }
  spec.link = random_bytes(random, random() % 3 == 0 ? 14 : random() % 3 == 0 ? 18 : 0);
  return spec;
}

TEST(Segment, RandomSuperpacketsAreCutAsTheirSenderWouldHave) {
  Random random(1);
  for (int round = 0; round < 3000; ++round) {
    PacketSpec spec = random_spec(random);
    const std::size_t room = 65535 - (payload_offset(spec) - spec.link.size());
    const std::size_t piece = between(random, 1, round % 10 == 0 ? 9000 : 200);
    spec.payload = random_bytes(random, between(random, 1, std::min(room, piece * 20)));
    const auto packets =
        cut(superpacket_header(spec, piece), build(spec, Checksum::kPseudoHeaderOnly), spec.link.size());
    ASSERT_TRUE(packets) << "round " << round;
    ASSERT_EQ(*packets, cut_by_hand(spec, piece)) << "round " << round;
  }
}

TEST(Segment, ALimitMakesTcpsSegmentsSmallerAndLeavesAllElse) {
  Random random(3);
  for (int round = 0; round < 3000; ++round) {
    PacketSpec spec = random_spec(random);
    const std::size_t piece = between(random, 1, 1500);
    spec.payload = random_bytes(random, between(random, 1, 20000));
    Bytes packet = build(spec, Checksum::kPseudoHeaderOnly);
    auto plan = Segmenter::plan(superpacket_header(spec, piece), packet, spec.link.size());
    ASSERT_TRUE(plan) << "round " << round;
    const std::size_t smaller = between(random, 1, 1500);
    plan->limit(payload_offset(spec) + smaller);
    const std::size_t expected = spec.udp ? piece : std::min(piece, smaller);
    ASSERT_EQ(write_all(*plan), cut_by_hand(spec, expected)) << "round " << round;
    plan->limit(payload_offset(spec));  // has no room for anything
    ASSERT_EQ(write_all(*plan), cut_by_hand(spec, expected)) << "round " << round;
  }
}

TEST(Segment, TheLargestSuperpacketOf64KiBIsCut) {
  for (PacketSpec spec : {PacketSpec(), PacketSpec::v6()}) {
    Random random(2);
    const std::size_t limit = spec.ipv6 ? 65535 + 40 : 65535;
    spec.payload = random_bytes(random, limit - payload_offset(spec));
    spec.sequence = 0xffffff00;  // wraps
    spec.id = 0xfff0;
    const auto packets = cut(superpacket_header(spec, 1360), build(spec, Checksum::kPseudoHeaderOnly));
    ASSERT_TRUE(packets);
    EXPECT_EQ(*packets, cut_by_hand(spec, 1360));
  }
}

TEST(Segment, FinAndPushStayOnTheLastAndCwrOnTheFirst) {
  PacketSpec spec;
  spec.flags = kFin | kPsh | kAck | kUrg | kEce | kCwr;
  spec.payload = Bytes(300, 1);
  VirtioNetHeader header = superpacket_header(spec, 100);
  header.gso_type |= kVirtioGsoEcn;
  const auto packets = cut(header, build(spec, Checksum::kPseudoHeaderOnly));
  ASSERT_TRUE(packets);
  ASSERT_EQ(packets->size(), 3U);
  EXPECT_EQ((*packets)[0][33], kAck | kUrg | kEce | kCwr);
  EXPECT_EQ((*packets)[1][33], kAck | kUrg | kEce);
  EXPECT_EQ((*packets)[2][33], kFin | kPsh | kAck | kUrg | kEce);
}

TEST(Segment, TheSumBehindARoutingHeaderCoversTheFinalDestination) {
  PacketSpec spec = PacketSpec::v6();
  spec.pseudo_destination = spec.destination;
  spec.pseudo_destination[15] = 0x99;
  spec.first_next = 43;
  spec.extensions = {6, 2, 2, 1, 0, 0, 0, 0};
  put(spec.extensions, spec.pseudo_destination);
  spec.payload = Bytes(1000, 0x5a);
  const auto packets = cut(superpacket_header(spec, 300), build(spec, Checksum::kPseudoHeaderOnly));
  ASSERT_TRUE(packets);
  EXPECT_EQ(*packets, cut_by_hand(spec, 300));
}

TEST(Segment, AWrongPseudoHeaderSumIsNotRepaired) {
  PacketSpec spec;
  spec.payload = Bytes(1000, 0x5a);
  Bytes packet = build(spec, Checksum::kPseudoHeaderOnly);
  packet[transport_offset(spec) + 16] ^= 0x10;
  const auto packets = cut(superpacket_header(spec, 300), packet);
  ASSERT_TRUE(packets);
  for (const Bytes& segment : *packets) EXPECT_EQ(wrong_checksum(spec, segment), "transport");
}

TEST(Segment, AUdpChecksumOfZeroIsSentAsAllOnes) {
  PacketSpec spec;
  spec.udp = true;
  spec.payload = {0, 0};
  // The payload that makes the sum come out as all ones, so that its complement is zero.
  const Bytes packet = build(spec);
  store_be16(spec.payload.data(), load_be16(packet.data() + 26));
  const Bytes expected = build(spec);
  ASSERT_EQ(load_be16(expected.data() + 26), 0xffff);
  const auto packets = cut(superpacket_header(spec, 2), build(spec, Checksum::kPseudoHeaderOnly));
  ASSERT_TRUE(packets);
  EXPECT_EQ(packets->at(0), expected);
}

TEST(Segment, APayloadThatFitsOneSegmentStaysWhole) {
  PacketSpec spec;
  spec.flags = kAck | kPsh | kCwr;
  spec.payload = Bytes(100, 3);
  for (const std::size_t piece : {100U, 101U, 65535U}) {
    const auto packets = cut(superpacket_header(spec, piece), build(spec, Checksum::kPseudoHeaderOnly));
    ASSERT_TRUE(packets);
    EXPECT_EQ(*packets, std::vector<Bytes>{build(spec)});
  }
}

TEST(Segment, APlainPacketsChecksumIsFinishedWhereAsked) {
  Random random(3);
  for (int round = 0; round < 500; ++round) {
    PacketSpec spec = random_spec(random);
    spec.payload = random_bytes(random, between(random, 0, 1400));
    VirtioNetHeader header = superpacket_header(spec, 0);
    header.gso_type = kVirtioGsoNone;
    const auto finished = cut(header, build(spec, Checksum::kPseudoHeaderOnly), spec.link.size());
    ASSERT_TRUE(finished);
    EXPECT_EQ(wrong_checksum(spec, finished->at(0)), "");
    EXPECT_EQ(cut({}, build(spec), spec.link.size()), std::vector<Bytes>{build(spec)});
  }
}

TEST(Segment, APlainFrameNeedNotBeIp) {
  const Bytes arp(42, 0x11);
  EXPECT_EQ(cut({}, arp, 14), std::vector<Bytes>{arp});
}

TEST(Segment, AChecksumBeyondThePacketIsRefused) {
  PacketSpec spec;
  const Bytes packet = build(spec);
  VirtioNetHeader header;
  header.flags = kVirtioNeedsChecksum;
  for (const auto& [start, offset] : {std::pair{20, 19}, {39, 0}, {40, 0}, {41, 0}, {65535, 65535}}) {
    header.csum_start = static_cast<std::uint16_t>(start);
    header.csum_offset = static_cast<std::uint16_t>(offset);
    EXPECT_EQ(cut(header, packet), std::nullopt) << start << "+" << offset;
  }
}

class RefusedSuperpacket : public ::testing::Test {
 protected:
  RefusedSuperpacket() { spec.payload = Bytes(400, 9); }
  [[nodiscard]] bool refused(const VirtioNetHeader& header, const Bytes& packet) {
    return !cut(header, packet).has_value();
  }
  [[nodiscard]] bool refused(const VirtioNetHeader& header) {
    return refused(header, build(spec, Checksum::kPseudoHeaderOnly));
  }
  PacketSpec spec;
};

TEST_F(RefusedSuperpacket, IfAFieldOfItsHeaderLies) {
  const VirtioNetHeader good = superpacket_header(spec, 100);
  ASSERT_FALSE(refused(good));
  const auto with = [&good](auto change) {
    VirtioNetHeader header = good;
    change(header);
    return header;
  };
  EXPECT_TRUE(refused(with([](auto& h) { h.gso_size = 0; })));
  EXPECT_TRUE(refused(with([](auto& h) { h.flags = 0; })));
  EXPECT_TRUE(refused(with([](auto& h) { h.gso_type = 3; })));  // UFO: gone from the kernel
  EXPECT_TRUE(refused(with([](auto& h) { h.gso_type = kVirtioGsoTcp6; })));
  EXPECT_TRUE(refused(with([](auto& h) { h.gso_type = kVirtioGsoUdp; })));
  for (const int start : {0, 19, 21, 24, 439, 440, 65535}) {
    EXPECT_TRUE(refused(with([start](auto& h) { h.csum_start = static_cast<std::uint16_t>(start); })))
        << start;
  }
  for (const int offset : {0, 6, 15, 65535}) {
    EXPECT_TRUE(refused(with([offset](auto& h) { h.csum_offset = static_cast<std::uint16_t>(offset); })));
  }
}

TEST_F(RefusedSuperpacket, IfItIsAFragment) {
  spec.fragment_field = 0x2000;
  EXPECT_TRUE(refused(superpacket_header(spec, 100)));
  spec.fragment_field = 0x0001;
  EXPECT_TRUE(refused(superpacket_header(spec, 100)));
}

TEST_F(RefusedSuperpacket, IfItsTcpHeaderDoesNotFit) {
  const VirtioNetHeader header = superpacket_header(spec, 100);
  for (const unsigned words : {0U, 4U}) {
    Bytes packet = build(spec, Checksum::kPseudoHeaderOnly);
    packet[32] = static_cast<std::uint8_t>(words << 4);
    EXPECT_TRUE(refused(header, packet));
  }
  spec.payload = Bytes(40, 9);
  Bytes packet = build(spec, Checksum::kPseudoHeaderOnly);
  packet[32] = 0xf0;  // 60 bytes: all that there is
  EXPECT_TRUE(refused(header, packet));
}

TEST_F(RefusedSuperpacket, AtEveryTruncationAndWithTrailingBytes) {
  for (PacketSpec shape : {PacketSpec(), PacketSpec::v6()}) {
    shape.payload = Bytes(50, 1);
    const VirtioNetHeader header = superpacket_header(shape, 20);
    Bytes packet = build(shape, Checksum::kPseudoHeaderOnly);
    packet.push_back(0);
    EXPECT_TRUE(refused(header, packet));
    packet.pop_back();
    EXPECT_FALSE(refused(header, packet));
    while (!packet.empty()) {
      packet.pop_back();
      EXPECT_TRUE(refused(header, packet)) << packet.size();
    }
  }
}

TEST(Segment, RandomHeadersOverRandomBytesNeverReachBeyondThePacket) {
  Random random(4);  // what they do beyond it, the address sanitizer sees
  for (int round = 0; round < 200000; ++round) {
    PacketSpec spec = random_spec(random);
    spec.payload = random_bytes(random, between(random, 1, 64));
    Bytes packet = build(spec, Checksum::kPseudoHeaderOnly);
    VirtioNetHeader header = superpacket_header(spec, between(random, 1, 40));
    const std::size_t mutations = between(random, 0, 3);
    for (std::size_t i = 0; i < mutations; ++i) {
      packet[between(random, 0, std::min<std::size_t>(packet.size(), 80) - 1)] =
          static_cast<std::uint8_t>(random());
    }
    if (random() % 4 == 0) header.csum_start = static_cast<std::uint16_t>(between(random, 0, 120));
    if (random() % 4 == 0) header.csum_offset = static_cast<std::uint16_t>(between(random, 0, 30));
    if (random() % 4 == 0) header.gso_type = static_cast<std::uint8_t>(random());
    if (random() % 4 == 0) header.flags = static_cast<std::uint8_t>(random());
    if (random() % 4 == 0) packet.resize(between(random, 1, packet.size()));
    packet.shrink_to_fit();
    const std::size_t size = packet.size();
    if (const auto packets = cut(header, packet, spec.link.size())) {
      std::size_t total = 0;
      for (const Bytes& segment : *packets) total += segment.size();
      ASSERT_GE(total, size);
    }
  }
}

}  // namespace
}  // namespace tunneld::net
