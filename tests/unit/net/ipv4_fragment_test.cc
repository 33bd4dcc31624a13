// Fragments fit, check, and put together again (here by the book, into a map of bytes) are the packet.
#include "common/net/ipv4_fragment.h"

#include <map>

#include <gtest/gtest.h>

#include "tests/unit/net/packet_builder.h"

namespace tunneld::net {
namespace {

using namespace testing;  // NOLINT: the builder's vocabulary

std::vector<Bytes> cut(const Bytes& packet, std::size_t mtu) {
  std::vector<Bytes> fragments;
  const auto ip = IpPacket::parse(packet);
  if (!ip) return fragments;
  const auto plan = Ipv4Fragmenter::plan(packet, *ip, mtu);
  for (std::size_t i = 0; plan && i < plan->count(); ++i) {
    fragments.emplace_back(plan->size(i));
    plan->write(i, fragments.back().data());
  }
  return fragments;
}

/// What a host would make of fragments that come in any order: the payload, and where it begins.
struct Assembled {
  std::size_t begin = SIZE_MAX;
  Bytes payload;
  bool complete = false;
};

Assembled assemble(const std::vector<Bytes>& fragments) {
  std::map<std::size_t, std::uint8_t> bytes;
  Assembled result;
  std::size_t end = 0;
  for (const Bytes& fragment : fragments) {
    const std::size_t header = (fragment[0] & 15U) * 4U;
    EXPECT_EQ(naive_sum(ByteView(fragment).first(header)), 0xffff);
    EXPECT_EQ((fragment[2] << 8) + fragment[3], static_cast<int>(fragment.size()));
    const std::size_t offset = (static_cast<std::size_t>((fragment[6] & 0x1f) << 8) + fragment[7]) * 8;
    result.begin = std::min(result.begin, offset);
    if ((fragment[6] & 0x20) == 0) end = offset + fragment.size() - header;
    for (std::size_t i = header; i < fragment.size(); ++i) {
      EXPECT_TRUE(bytes.emplace(offset + i - header, fragment[i]).second) << "bytes twice";
    }
  }
  for (const auto& [at, byte] : bytes) {
    if (at != result.begin + result.payload.size()) return result;
    result.payload.push_back(byte);
  }
  result.complete = end == result.begin + result.payload.size();
  return result;
}

PacketSpec datagram(std::size_t payload, std::uint16_t field = 0) {
  PacketSpec spec;
  spec.udp = true;
  spec.fragment_field = field;
  spec.payload = Bytes(payload);
  for (std::size_t i = 0; i < payload; ++i) spec.payload[i] = static_cast<std::uint8_t>(i * 7);
  return spec;
}

TEST(Ipv4Fragment, RandomPacketsSurviveBeingCut) {
  Random random(3);
  for (int round = 0; round < 3000; ++round) {
    PacketSpec spec = datagram(between(random, 0, 4000));
    spec.ip_options = Bytes(between(random, 0, 10) * 4, 1);
    const Bytes packet = build(spec);
    const std::size_t header = 20 + spec.ip_options.size();
    const std::size_t mtu = between(random, header + 8, 1500);
    const auto fragments = cut(packet, mtu);
    ASSERT_FALSE(fragments.empty());
    for (const Bytes& fragment : fragments) ASSERT_LE(fragment.size(), mtu);
    const Assembled whole = assemble(fragments);
    EXPECT_TRUE(whole.complete);
    EXPECT_EQ(whole.begin, 0U);
    EXPECT_EQ(whole.payload, Bytes(packet.begin() + static_cast<std::ptrdiff_t>(header), packet.end()));
    if (HasFailure()) return;
  }
}

TEST(Ipv4Fragment, AFragmentCanBeCutAgain) {
  const Bytes packet = build(datagram(1400));
  for (const Bytes& once : cut(packet, 1000)) {
    const auto twice = cut(once, 300);
    ASSERT_GT(twice.size(), 1U);
    const Assembled part = assemble(twice);
    EXPECT_EQ(part.begin, (static_cast<std::size_t>((once[6] & 0x1f) << 8) + once[7]) * 8);
    EXPECT_EQ(part.payload, Bytes(once.begin() + 20, once.end()));
    EXPECT_EQ(part.complete, (once[6] & 0x20) == 0) << "only the last piece of the last one ends the packet";
  }
}

TEST(Ipv4Fragment, OptionsThatAreNotForEachFragmentStayInTheFirst) {
  PacketSpec spec = datagram(1400);
  spec.ip_options = {7, 7, 4, 0, 0, 0, 0, 1, 0x94, 4, 0, 0};  // record route, nothing, router alert
  const auto fragments = cut(build(spec), 600);
  ASSERT_EQ(fragments.size(), 3U);
  const auto options = [](const Bytes& packet) { return Bytes(packet.begin() + 20, packet.begin() + 32); };
  EXPECT_EQ(options(fragments[0]), spec.ip_options);
  EXPECT_EQ(options(fragments[1]), (Bytes{1, 1, 1, 1, 1, 1, 1, 1, 0x94, 4, 0, 0}));
}

TEST(Ipv4Fragment, WhatMayNotBeCutIsNot) {
  EXPECT_TRUE(cut(build(datagram(1400, 0x4000)), 600).empty()) << "DF";
  EXPECT_TRUE(cut(build(datagram(1400)), 27).empty()) << "no room for eight bytes";
  EXPECT_EQ(cut(build(datagram(10)), 28).size(), 3U);
  PacketSpec six = PacketSpec::v6();
  six.payload = Bytes(1400);
  EXPECT_TRUE(cut(build(six), 1280).empty());
}

TEST(Ipv4Fragment, MalformedOptionsAreCopiedAsTheyAre) {
  PacketSpec spec = datagram(100);
  spec.ip_options = {7, 9, 0, 0};  // longer than the header
  const auto fragments = cut(build(spec), 64);
  ASSERT_GT(fragments.size(), 1U);
  EXPECT_EQ(fragments[1][20], 7);
}

}  // namespace
}  // namespace tunneld::net
