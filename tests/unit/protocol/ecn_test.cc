// Congestion marks cross the tunnel as RFC 6040 says.
#include "common/protocol/ecn.h"

#include <gtest/gtest.h>

#include "tests/unit/net/packet_builder.h"

namespace tunneld::protocol {
namespace {

using net::testing::Bytes;
using net::testing::PacketSpec;

TEST(Ecn, DecapsulationIsFigure4OfRfc6040) {
  constexpr std::optional<std::uint8_t> kDropped;
  // Rows: the mark inside; columns: outside not ECT, ECT(0), ECT(1), CE.
  EXPECT_EQ(decapsulated_ecn(kNotEct, kNotEct), kNotEct);
  EXPECT_EQ(decapsulated_ecn(kNotEct, kEct0), kNotEct);
  EXPECT_EQ(decapsulated_ecn(kNotEct, kEct1), kNotEct);
  EXPECT_EQ(decapsulated_ecn(kNotEct, kCongestionExperienced), kDropped);
  EXPECT_EQ(decapsulated_ecn(kEct0, kNotEct), kEct0);
  EXPECT_EQ(decapsulated_ecn(kEct0, kEct0), kEct0);
  EXPECT_EQ(decapsulated_ecn(kEct0, kEct1), kEct1);
  EXPECT_EQ(decapsulated_ecn(kEct0, kCongestionExperienced), kCongestionExperienced);
  EXPECT_EQ(decapsulated_ecn(kEct1, kNotEct), kEct1);
  EXPECT_EQ(decapsulated_ecn(kEct1, kEct0), kEct1);
  EXPECT_EQ(decapsulated_ecn(kEct1, kEct1), kEct1);
  EXPECT_EQ(decapsulated_ecn(kEct1, kCongestionExperienced), kCongestionExperienced);
  for (const std::uint8_t outer : {kNotEct, kEct0, kEct1, kCongestionExperienced}) {
    EXPECT_EQ(decapsulated_ecn(kCongestionExperienced, outer), kCongestionExperienced);
  }
}

TEST(Ecn, AMarkIsWrittenAsIfTheSenderHadWrittenIt) {
  for (const PacketSpec& shape : {PacketSpec(), PacketSpec::v6()}) {
    for (unsigned traffic_class = 0; traffic_class < 256; ++traffic_class) {
      for (const std::uint8_t ecn : {kNotEct, kEct0, kEct1, kCongestionExperienced}) {
        PacketSpec spec = shape;
        spec.flow_label = 0xabcde;
        spec.traffic_class = static_cast<std::uint8_t>(traffic_class);
        Bytes packet = build(spec);
        set_ecn(packet.data(), spec.ipv6 ? net::Family::kIpv6 : net::Family::kIpv4, ecn);
        spec.traffic_class = static_cast<std::uint8_t>((traffic_class & 0xfc) | ecn);
        ASSERT_EQ(packet, build(spec));
      }
    }
  }
}

TEST(Ecn, AWrongHeaderChecksumIsNotRepaired) {
  Bytes packet = net::testing::build(PacketSpec());
  packet[10] ^= 1;
  set_ecn(packet.data(), net::Family::kIpv4, kCongestionExperienced);
  EXPECT_EQ(net::testing::wrong_checksum(PacketSpec(), packet), "IPv4");
}

}  // namespace
}  // namespace tunneld::protocol
