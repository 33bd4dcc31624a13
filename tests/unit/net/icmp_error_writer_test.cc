// Errors say what happened, quote what they may, and never answer what must not be answered.
#include "common/net/icmp_error_writer.h"

#include <gtest/gtest.h>

#include "tests/unit/net/packet_builder.h"

namespace tunneld::net {
namespace {

using namespace testing;  // NOLINT: the builder's vocabulary

const IpAddress kOurs4 = *IpAddress::parse("10.9.9.9");
const IpAddress kOurs6 = *IpAddress::parse("fd99::9");

Bytes answer(const Bytes& packet, Undeliverable reason, std::size_t mtu = 0) {
  const auto ip = IpPacket::parse(packet);
  if (!ip) return {};
  Bytes out(kMaxIcmpError, 0xee);
  out.resize(write_icmp_error(out, packet, *ip, reason, ip->family == Family::kIpv4 ? kOurs4 : kOurs6, mtu));
  return out;
}

bool answered(const Bytes& packet, Undeliverable reason = Undeliverable::kUnreachable) {
  return !answer(packet, reason).empty();
}

PacketSpec udp(bool ipv6, std::size_t payload = 100) {
  PacketSpec spec = ipv6 ? PacketSpec::v6() : PacketSpec();
  spec.udp = true;
  spec.payload = Bytes(payload, 0x77);
  return spec;
}

Bytes icmp_packet(bool ipv6, unsigned type) {
  Bytes packet = build(udp(ipv6));
  packet[ipv6 ? 6U : 9U] = ipv6 ? 58 : 1;
  packet[ipv6 ? 40U : 20U] = static_cast<std::uint8_t>(type);
  return packet;
}

/// Everything but type, code and the four bytes after the checksum.
void expect_well_formed(const Bytes& error, const Bytes& about, bool ipv6) {
  const auto ip = IpPacket::parse(error);
  ASSERT_TRUE(ip);
  ASSERT_EQ(ip->length, error.size());
  EXPECT_EQ(ip->protocol, ipv6 ? 58 : 1);
  EXPECT_EQ(ip->source_address(), ipv6 ? kOurs6 : kOurs4);
  EXPECT_EQ(ip->destination_address(), IpPacket::parse(about)->source_address());
  const std::size_t header = ip->header_length;
  const std::size_t limit = ipv6 ? 1280U : 576U;
  EXPECT_EQ(error.size(), std::min(limit, header + 8 + about.size()));
  EXPECT_TRUE(
      std::equal(error.begin() + static_cast<std::ptrdiff_t>(header + 8), error.end(), about.begin()));
  Bytes summed;
  if (ipv6) {
    put(summed, {ip->source, 32});
    put32(summed, static_cast<std::uint32_t>(error.size() - header));
    put32(summed, 58);
  } else {
    EXPECT_EQ(naive_sum(ByteView(error).first(20)), 0xffff);
  }
  put(summed, ByteView(error).subspan(header));
  EXPECT_EQ(naive_sum(summed), 0xffff);
}

TEST(Icmp, TypeAndCodeSayWhatHappened) {
  struct Case {
    Undeliverable reason;
    unsigned type4, code4, type6, code6;
  };
  for (const Case& expected :
       {Case{Undeliverable::kNoRoute, 3, 0, 1, 0}, Case{Undeliverable::kUnreachable, 3, 1, 1, 3},
        Case{Undeliverable::kProhibited, 3, 13, 1, 1}, Case{Undeliverable::kTooBig, 3, 4, 2, 0}}) {
    for (const bool ipv6 : {false, true}) {
      const Bytes packet = build(udp(ipv6));
      const Bytes error = answer(packet, expected.reason, 1400);
      expect_well_formed(error, packet, ipv6);
      const std::size_t at = ipv6 ? 40U : 20U;
      EXPECT_EQ(error[at], ipv6 ? expected.type6 : expected.type4);
      EXPECT_EQ(error[at + 1], ipv6 ? expected.code6 : expected.code4);
      EXPECT_EQ(load_be32(&error[at + 4]), expected.reason == Undeliverable::kTooBig ? 1400U : 0U);
    }
  }
}

TEST(Icmp, TheQuoteFillsTheErrorToItsLimit) {
  for (const bool ipv6 : {false, true}) {
    for (const std::size_t payload : {0U, 1U, 519U, 520U, 521U, 1183U, 1184U, 1185U, 9000U}) {
      const Bytes packet = build(udp(ipv6, payload));
      expect_well_formed(answer(packet, Undeliverable::kUnreachable), packet, ipv6);
    }
  }
}

TEST(Icmp, PaddingBehindThePacketIsNotQuoted) {
  Bytes packet = build(udp(false, 10));
  const Bytes before = answer(packet, Undeliverable::kUnreachable);
  packet.resize(packet.size() + 15);
  EXPECT_EQ(answer(packet, Undeliverable::kUnreachable), before);
}

TEST(Icmp, AnMtuBelowWhatIpDemandsIsNotReported) {
  EXPECT_EQ(load_be16(&answer(build(udp(false)), Undeliverable::kTooBig, 0)[26]), 68);
  EXPECT_EQ(load_be32(&answer(build(udp(true)), Undeliverable::kTooBig, 500)[44]), 1280U);
}

TEST(Icmp, OnlyAPacketThatMayNotBeFragmentedIsTooBig) {
  PacketSpec spec = udp(false);
  spec.fragment_field = 0;
  EXPECT_FALSE(answered(build(spec), Undeliverable::kTooBig));
  EXPECT_TRUE(answered(build(spec)));
}

TEST(Icmp, ErrorsAreNotAnsweredAndQueriesAre) {
  for (unsigned type = 0; type < 256; ++type) {
    const bool error4 = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    EXPECT_EQ(answered(icmp_packet(false, type)), !error4) << type;
    EXPECT_EQ(answered(icmp_packet(true, type)), type >= 128 && type != 137) << type;
  }
}

TEST(Icmp, AnErrorBehindExtensionHeadersIsFound) {
  Bytes packet = icmp_packet(true, 1);
  const Bytes extension = {58, 0, 1, 4, 0, 0, 0, 0};
  packet.insert(packet.begin() + 40, extension.begin(), extension.end());
  packet[6] = 60;
  store_be16(&packet[4], static_cast<std::uint16_t>(packet.size() - 40));
  EXPECT_FALSE(answered(packet));
  packet[48] = 128;
  EXPECT_TRUE(answered(packet));
  packet[41] = 200;  // beyond the packet: what follows cannot be told
  EXPECT_FALSE(answered(packet));
}

TEST(Icmp, AnIcmpHeaderThatIsCutOffIsNotAnswered) {
  Bytes packet = icmp_packet(false, 8);
  packet.resize(20);
  store_be16(&packet[2], 20);
  EXPECT_FALSE(answered(packet));
  packet = icmp_packet(true, 128);
  packet.resize(40);
  store_be16(&packet[4], 0);
  EXPECT_FALSE(answered(packet));
}

TEST(Icmp, OnlyTheFirstFragmentIsAnswered) {
  PacketSpec spec = udp(false);
  spec.fragment_field = 0x2000;
  EXPECT_TRUE(answered(build(spec)));
  spec.fragment_field = 0x2001;
  EXPECT_FALSE(answered(build(spec)));
  spec = udp(true);
  spec.first_next = 44;
  spec.extensions = {17, 0, 0, 1, 0, 0, 0, 7};
  EXPECT_TRUE(answered(build(spec)));
  spec.extensions[3] = 8;
  EXPECT_FALSE(answered(build(spec)));
}

TEST(Icmp, OnlyOneHostIsAnsweredAndOnlyAboutOneHost) {
  const auto with = [](std::string_view source, std::string_view destination) {
    const IpAddress from = *IpAddress::parse(source);
    const IpAddress to = *IpAddress::parse(destination);
    PacketSpec spec = udp(!from.is_v4());
    spec.source.assign(from.bytes().begin(), from.bytes().end());
    spec.destination.assign(to.bytes().begin(), to.bytes().end());
    return build(spec);
  };
  EXPECT_TRUE(answered(with("10.0.0.1", "10.0.0.2")));
  for (const auto* source :
       {"0.0.0.0", "127.0.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"}) {
    EXPECT_FALSE(answered(with(source, "10.0.0.2"))) << source;
  }
  for (const auto* destination : {"224.0.0.251", "255.255.255.255"}) {
    EXPECT_FALSE(answered(with("10.0.0.1", destination))) << destination;
  }
  EXPECT_TRUE(answered(with("fd00::1", "fd00::2")));
  for (const auto* source : {"::", "::1", "ff02::1"}) {
    EXPECT_FALSE(answered(with(source, "fd00::2"))) << source;
  }
  EXPECT_FALSE(answered(with("fd00::1", "ff02::1")));
  EXPECT_TRUE(answered(with("fd00::1", "ff05::1"), Undeliverable::kTooBig)) << "RFC 4443, 2.4 (e.3)";
}

TEST(Icmp, WithoutAnAddressOfTheFamilyOrRoomThereIsNoAnswer) {
  const Bytes packet = build(udp(true));
  const auto ip = IpPacket::parse(packet);
  Bytes out(kMaxIcmpError);
  EXPECT_EQ(write_icmp_error(out, packet, *ip, Undeliverable::kNoRoute, kOurs4), 0U);
  out.pop_back();
  EXPECT_EQ(write_icmp_error(out, packet, *ip, Undeliverable::kNoRoute, kOurs6), 0U);
}

}  // namespace
}  // namespace tunneld::net
