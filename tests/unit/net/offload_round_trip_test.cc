// What is cut can be joined again, and gives the same superpacket; what is not equal, in order and correct is
// left alone.
#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "common/net/checksum.h"
#include "common/net/coalesce.h"
#include "common/net/segment.h"
#include "common/net/transport_header.h"

namespace tunneld::net {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Super {
  VirtioNetHeader header;
  Bytes packet;
};

/// A TCP superpacket as the kernel hands it out: lengths whole, the checksum field holding the
/// pseudo-header's sum.
Super make_super(std::mt19937_64& random, bool v4, std::size_t payload, std::size_t piece,
                 std::uint8_t flags) {
  const std::size_t ip = v4 ? kIpv4HeaderSize : kIpv6HeaderSize;
  const std::size_t options = random() % 2 == 0 ? 12 : 0;
  const std::size_t tcp = kTcpMinHeader + options;
  Super super;
  super.packet.resize(ip + tcp + payload);
  for (auto& byte : super.packet) byte = static_cast<std::uint8_t>(random());
  std::uint8_t* at = super.packet.data();
  if (v4) {
    at[0] = 0x45;
    at[1] = 2;  // ECT(0)
    store_be16(at + 2, static_cast<std::uint16_t>(super.packet.size()));
    store_be16(at + 6, random() % 2 == 0 ? 0x4000 : 0);
    at[8] = 64;
    at[9] = kProtocolTcp;
    set_ipv4_checksum(at, ip);
  } else {
    at[0] = 0x60;
    store_be16(at + 4, static_cast<std::uint16_t>(tcp + payload));
    at[6] = kProtocolTcp;
    at[7] = 64;
  }
  std::uint8_t* transport = at + ip;
  transport[kTcpDataOffset] = static_cast<std::uint8_t>(tcp / 4 << 4);
  transport[kTcpFlags] = flags;
  const auto parsed = IpPacket::parse(super.packet);
  store_le(transport + kTcpChecksum, fold(pseudo_header_sum(*parsed, kProtocolTcp, tcp + payload)));
  super.header = {.flags = kVirtioNeedsChecksum,
                  .gso_type = v4 ? kVirtioGsoTcp4 : kVirtioGsoTcp6,
                  .hdr_len = static_cast<std::uint16_t>(ip + tcp),
                  .gso_size = static_cast<std::uint16_t>(piece),
                  .csum_start = static_cast<std::uint16_t>(ip),
                  .csum_offset = kTcpChecksum};
  return super;
}

std::vector<Bytes> cut(Super super) {
  const auto segments = Segmenter::plan(super.header, super.packet);
  EXPECT_TRUE(segments.has_value());
  std::vector<Bytes> packets;
  for (std::size_t i = 0; segments && i < segments->count(); ++i) {
    packets.emplace_back(segments->size(i));
    segments->write(i, packets.back().data());
  }
  return packets;
}

bool checksum_holds(const Bytes& packet) {
  const auto ip = IpPacket::parse(packet);
  if (!ip || ip->length != packet.size()) return false;
  if (ip->family == Family::kIpv4 && fold(sum_bytes(ByteView(packet).first(ip->header_length))) != 0xffff)
    return false;
  const std::size_t length = ip->length - ip->header_length;
  return fold(sum_bytes(ByteView(packet).subspan(ip->header_length)) +
              pseudo_header_sum(*ip, ip->protocol, length)) == 0xffff;
}

std::vector<Super> join(std::vector<Bytes>& packets) {
  Coalescer coalescer({.tcp = true, .udp = true});
  for (Bytes& packet : packets) {
    const auto ip = IpPacket::parse(packet);
    if (ip) coalescer.add(packet, *ip);
  }
  std::vector<Super> written;
  coalescer.flush([&](const VirtioNetHeader& header, std::span<const iovec> parts) {
    Super super{header, {}};
    for (const iovec& part : parts) {
      const auto* bytes = static_cast<const std::uint8_t*>(part.iov_base);
      super.packet.insert(super.packet.end(), bytes, bytes + part.iov_len);
    }
    written.push_back(std::move(super));
  });
  return written;
}

TEST(OffloadRoundTrip, CutThenJoinedIsTheSameSuperpacket) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 500; ++i) {
    const std::size_t piece = 500 + random() % 900;
    const std::size_t payload = piece * (2 + random() % 30) + random() % piece;
    const Super super = make_super(random, random() % 2 == 0, payload, piece, kTcpAck);
    std::vector<Bytes> packets = cut(super);
    ASSERT_EQ(packets.size(), (payload + piece - 1) / piece);
    for (const Bytes& packet : packets) ASSERT_TRUE(checksum_holds(packet));
    const std::vector<Super> joined = join(packets);
    ASSERT_EQ(joined.size(), 1U);
    EXPECT_EQ(joined[0].packet, super.packet);
    EXPECT_EQ(joined[0].header, super.header);
  }
}

TEST(OffloadRoundTrip, PushAndFinGoToTheLastSegmentAndCwrToTheFirst) {
  std::mt19937_64 random(2);
  const std::vector<Bytes> packets =
      cut(make_super(random, true, 3000, 1000, kTcpAck | kTcpPsh | kTcpFin | kTcpCwr));
  ASSERT_EQ(packets.size(), 3U);
  const auto flags = [](const Bytes& packet) { return packet[kIpv4HeaderSize + kTcpFlags]; };
  EXPECT_EQ(flags(packets[0]), kTcpAck | kTcpCwr);
  EXPECT_EQ(flags(packets[1]), kTcpAck);
  EXPECT_EQ(flags(packets[2]), kTcpAck | kTcpPsh | kTcpFin);
  EXPECT_EQ(load_be16(&packets[2][4]), static_cast<std::uint16_t>(load_be16(&packets[0][4]) + 2))
      << "IP IDs count up";
}

TEST(OffloadRoundTrip, ACorruptSegmentIsDeliveredCorruptAndAlone) {
  std::mt19937_64 random(3);
  std::vector<Bytes> packets = cut(make_super(random, true, 5000, 1000, kTcpAck));
  packets[2].back() ^= 1;
  const Bytes corrupt = packets[2];
  const std::vector<Super> joined = join(packets);
  ASSERT_EQ(joined.size(), 3U);
  EXPECT_EQ(joined[1].packet, corrupt) << "untouched";
  EXPECT_EQ(joined[1].header, VirtioNetHeader{}) << "and not vouched for";
}

TEST(OffloadRoundTrip, OrderWithinAFlowIsKeptWhateverIsBetween) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 200; ++round) {
    // Segments of three flows, dealt at random; some are lost, some are marked so that they cannot be joined.
    std::vector<std::vector<Bytes>> flows;
    for (int f = 0; f < 3; ++f) flows.push_back(cut(make_super(random, f != 1, 8000, 800, kTcpAck)));
    std::vector<Bytes> dealt;
    std::vector<std::size_t> next(3, 0);
    while (true) {
      const std::size_t f = random() % 3;
      if (std::all_of(next.begin(), next.end(), [](std::size_t n) { return n == 10; })) break;
      if (next[f] == 10) continue;
      Bytes packet = flows[f][next[f]++];
      if (random() % 10 == 0) continue;
      if (random() % 8 == 0) packet.back() ^= 1;
      dealt.push_back(std::move(packet));
    }
    const std::vector<Bytes> sent = dealt;
    // Payload bytes of a flow, in order, before and after.
    const auto payloads = [](const std::vector<Bytes>& packets) {
      std::map<Bytes, Bytes> by_flow;
      for (const Bytes& packet : packets) {
        const auto ip = IpPacket::parse(packet);
        const std::size_t start = ip->header_length + tcp_header_length(packet.data() + ip->header_length);
        Bytes key(ip->source, ip->source + 2 * address_bits(ip->family) / 8);
        Bytes& flow = by_flow[key];
        flow.insert(flow.end(), packet.begin() + static_cast<std::ptrdiff_t>(start), packet.end());
      }
      return by_flow;
    };
    std::vector<Bytes> received;
    for (Super& super : join(dealt)) received.push_back(std::move(super.packet));
    EXPECT_LT(received.size(), sent.size());
    ASSERT_EQ(payloads(received), payloads(sent));
  }
}

TEST(OffloadRoundTrip, FragmentsAndOtherFlagsAreLeftAlone) {
  std::mt19937_64 random(5);
  for (const std::uint8_t flags :
       {std::uint8_t{kTcpAck | kTcpFin}, std::uint8_t{kTcpAck | kTcpCwr}, std::uint8_t{0x02}}) {
    std::vector<Bytes> packets = cut(make_super(random, true, 800, 1000, flags));
    packets.push_back(packets.front());
    EXPECT_EQ(join(packets).size(), 2U);
  }
  std::vector<Bytes> packets = cut(make_super(random, true, 3000, 1000, kTcpAck));
  for (Bytes& packet : packets) {
    store_be16(&packet[6], 0x2000);  // more fragments
    set_ipv4_checksum(packet.data(), kIpv4HeaderSize);
  }
  EXPECT_EQ(join(packets).size(), 3U);
}

TEST(OffloadRoundTrip, HeadersThatLieAreRefused) {
  std::mt19937_64 random(6);
  const Super good = make_super(random, true, 3000, 1000, kTcpAck);
  const auto refused = [&](auto change) {
    Super bad = good;
    change(bad);
    return !Segmenter::plan(bad.header, bad.packet).has_value();
  };
  EXPECT_TRUE(refused([](Super& s) { s.header.gso_size = 0; }));
  EXPECT_TRUE(refused([](Super& s) { s.header.gso_type = 3; }));
  EXPECT_TRUE(refused([](Super& s) { s.header.csum_start = 0xffff; }));
  EXPECT_TRUE(refused([](Super& s) { s.header.csum_start = 4; }));
  EXPECT_TRUE(refused([](Super& s) { s.packet[kIpv4HeaderSize + kTcpDataOffset] = 0x10; }));
  EXPECT_TRUE(refused([](Super& s) { s.packet.resize(30); }));
  EXPECT_TRUE(refused([](Super& s) { s.packet[0] = 0; }));
  EXPECT_FALSE(refused([](Super& s) { s.header.hdr_len = 7; })) << "hdr_len is known to lie";
  for (std::size_t length = 0; length < 60; ++length) {
    Super cut_short = good;
    cut_short.packet.resize(length);
    EXPECT_FALSE(Segmenter::plan(cut_short.header, cut_short.packet).has_value()) << length;
  }
}

}  // namespace
}  // namespace tunneld::net
