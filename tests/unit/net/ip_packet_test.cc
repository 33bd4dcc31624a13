// A packet is what its header says, if the bytes are there, and nothing otherwise.
#include "common/net/ip_packet.h"

#include <gtest/gtest.h>

#include "tests/unit/net/packet_builder.h"

namespace tunneld::net {
namespace {

using namespace testing;  // NOLINT: the builder's vocabulary

PacketSpec with_payload(PacketSpec spec, std::size_t size = 10) {
  spec.payload = Bytes(size, 7);
  return spec;
}

TEST(IpPacket, TellsWhatTheHeaderSays) {
  PacketSpec spec = with_payload(PacketSpec());
  spec.traffic_class = 0xb9;
  spec.ip_options = {1, 1, 1, 1};
  Bytes bytes = build(spec);
  const std::size_t length = bytes.size();
  bytes.resize(length + 15);  // padding
  auto ip = IpPacket::parse(bytes);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->family, Family::kIpv4);
  EXPECT_EQ(ip->length, length);
  EXPECT_EQ(ip->header_length, 24U);
  EXPECT_EQ(ip->protocol, kProtocolTcp);
  EXPECT_EQ(ip->traffic_class, 0xb9);
  EXPECT_EQ(ip->source_address().to_string(), "10.0.0.1");
  EXPECT_EQ(ip->destination_address().to_string(), "10.0.0.2");

  spec = with_payload(PacketSpec::v6());
  spec.traffic_class = 0xb9;
  spec.flow_label = 0xfffff;
  spec.udp = true;
  bytes = build(spec);
  ip = IpPacket::parse(bytes);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->family, Family::kIpv6);
  EXPECT_EQ(ip->length, bytes.size());
  EXPECT_EQ(ip->header_length, 40U);
  EXPECT_EQ(ip->protocol, kProtocolUdp);
  EXPECT_EQ(ip->traffic_class, 0xb9);
  EXPECT_EQ(ip->source_address().to_string(), "fd00::1");
  EXPECT_EQ(ip->destination_address().to_string(), "fd00::2");
}

TEST(IpPacket, EveryTruncationIsRefused) {
  for (const PacketSpec& spec : {PacketSpec(), PacketSpec::v6()}) {
    Bytes bytes = build(with_payload(spec));
    ASSERT_TRUE(IpPacket::parse(bytes));
    while (!bytes.empty()) {
      bytes.pop_back();
      bytes.shrink_to_fit();
      EXPECT_FALSE(IpPacket::parse(bytes)) << bytes.size();
    }
  }
}

TEST(IpPacket, AHeaderThatContradictsItselfIsRefused) {
  const Bytes v4 = build(with_payload(PacketSpec()));
  const auto refused = [](Bytes bytes, std::size_t at, std::uint8_t value) {
    bytes.at(at) = value;
    return !IpPacket::parse(bytes).has_value();
  };
  for (unsigned version = 0; version < 16; ++version) {
    if (version == 4) continue;
    if (version == 6) continue;  // its length is not there: below
    EXPECT_TRUE(refused(v4, 0, static_cast<std::uint8_t>(version << 4 | 5))) << version;
  }
  for (unsigned words = 0; words < 5; ++words) {
    EXPECT_TRUE(refused(v4, 0, static_cast<std::uint8_t>(0x40 | words))) << words;
  }
  EXPECT_TRUE(refused(v4, 3, 19)) << "shorter than its header";
  EXPECT_TRUE(refused(v4, 3, 0)) << "offload of more than 64 KiB";
  EXPECT_TRUE(refused(v4, 2, 1)) << "longer than the buffer";
  EXPECT_TRUE(refused(v4, 0, 0x60)) << "IPv4 that says 6";
  Bytes v6 = build(with_payload(PacketSpec::v6()));
  EXPECT_TRUE(refused(v6, 5, static_cast<std::uint8_t>(v6.at(5) + 1)));
  v6.at(4) = v6.at(5) = 0;
  v6.at(6) = 0;
  EXPECT_FALSE(IpPacket::parse(v6)) << "a jumbogram";
  v6.at(6) = 59;
  ASSERT_TRUE(IpPacket::parse(v6));
  EXPECT_EQ(IpPacket::parse(v6)->length, 40U);
}

std::optional<Transport> transport_of(const Bytes& bytes) {
  const auto ip = IpPacket::parse(bytes);
  return ip ? find_transport(bytes, *ip) : std::nullopt;
}

TEST(FindTransport, Ipv4HasItBehindTheOptions) {
  PacketSpec spec = with_payload(PacketSpec());
  spec.ip_options = {1, 1, 1, 1};
  const auto transport = transport_of(build(spec));
  ASSERT_TRUE(transport);
  EXPECT_EQ(transport->protocol, kProtocolTcp);
  EXPECT_EQ(transport->offset, 24U);
  EXPECT_EQ(transport->fragmentation, Fragmentation::kWhole);
}

TEST(FindTransport, FragmentsAreTold) {
  PacketSpec spec = with_payload(PacketSpec());
  const auto fragmentation = [&spec](std::uint16_t field) {
    spec.fragment_field = field;
    return transport_of(build(spec))->fragmentation;
  };
  EXPECT_EQ(fragmentation(0x0000), Fragmentation::kWhole);
  EXPECT_EQ(fragmentation(0xc000), Fragmentation::kWhole);
  EXPECT_EQ(fragmentation(0x2000), Fragmentation::kFirst);
  EXPECT_EQ(fragmentation(0x2001), Fragmentation::kLater);
  EXPECT_EQ(fragmentation(0x1fff), Fragmentation::kLater);
}

PacketSpec extended(unsigned first, Bytes extensions) {
  PacketSpec spec = with_payload(PacketSpec::v6());
  spec.first_next = static_cast<std::uint8_t>(first);
  spec.extensions = std::move(extensions);
  return spec;
}

TEST(FindTransport, Ipv6HasItBehindAChainOfExtensionHeaders) {
  Bytes chain;
  put(chain, Bytes{43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});  // hop-by-hop, 16 bytes
  put(chain, Bytes{44, 0, 0, 0, 0, 0, 0, 0});                           // routing
  put(chain, Bytes{51, 0, 0, 0, 0, 0, 0, 9});                           // a fragment that is whole
  put(chain, Bytes{60, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2});               // authentication, 12 bytes
  put(chain, Bytes{6, 0, 1, 4, 0, 0, 0, 0});                            // destination options
  const auto transport = transport_of(build(extended(0, chain)));
  ASSERT_TRUE(transport);
  EXPECT_EQ(transport->protocol, kProtocolTcp);
  EXPECT_EQ(transport->offset, 40 + chain.size());
  EXPECT_EQ(transport->fragmentation, Fragmentation::kWhole);
}

TEST(FindTransport, TheWalkEndsAtALaterFragment) {
  auto transport = transport_of(build(extended(44, {60, 0, 0, 8, 0, 0, 0, 1})));
  ASSERT_TRUE(transport);
  EXPECT_EQ(transport->fragmentation, Fragmentation::kLater);
  EXPECT_EQ(transport->offset, 48U);
  EXPECT_EQ(transport->protocol, kIpv6DestinationOptions) << "what the whole packet continues with";
  transport = transport_of(build(extended(44, {6, 0, 0, 1, 0, 0, 0, 1})));
  ASSERT_TRUE(transport);
  EXPECT_EQ(transport->fragmentation, Fragmentation::kFirst);
}

TEST(FindTransport, AnUnknownNextHeaderEndsTheWalk) {
  for (const unsigned next : {50U, 59U, 132U, 139U, 253U}) {
    const auto transport = transport_of(build(extended(next, {})));
    ASSERT_TRUE(transport);
    PacketSpec spec = extended(60, {static_cast<std::uint8_t>(next), 0, 1, 4, 0, 0, 0, 0});
    EXPECT_EQ(transport_of(build(spec))->protocol, next);
    EXPECT_EQ(transport_of(build(spec))->offset, 48U);
  }
}

TEST(FindTransport, AChainThatLeavesThePacketIsRefused) {
  EXPECT_FALSE(transport_of(build(extended(0, {6, 255, 1, 4, 0, 0, 0, 0}))));
  const Bytes whole = build(extended(0, {6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  for (std::size_t length = 41; length < 56; ++length) {
    Bytes bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    bytes.shrink_to_fit();
    store_be16(&bytes[4], static_cast<std::uint16_t>(length - 40));
    EXPECT_FALSE(transport_of(bytes)) << length;
  }
}

TEST(FindTransport, RandomChainsStayWithinThePacket) {
  Random random(31);
  std::size_t found = 0;
  for (int round = 0; round < 200000; ++round) {
    Bytes bytes = random_bytes(random, between(random, 40, 120));
    bytes.shrink_to_fit();
    bytes[0] = 0x60;
    store_be16(&bytes[4], static_cast<std::uint16_t>(bytes.size() - 40));
    constexpr std::uint8_t kNext[] = {0, 43, 44, 51, 60, 6};
    for (std::size_t i = 40; i + 1 < bytes.size(); i += 4) {
      bytes[i] = kNext[random() % 6];
      bytes[i + 1] = static_cast<std::uint8_t>(random() % 3);
    }
    bytes[6] = kNext[1 + random() % 5];
    const auto transport = transport_of(bytes);
    if (!transport) continue;
    ++found;
    ASSERT_LE(transport->offset, bytes.size());
  }
  EXPECT_GT(found, 10000U);
}

}  // namespace
}  // namespace tunneld::net
