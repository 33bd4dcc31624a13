// The fast checksum against the one by the book.
#include "common/net/checksum.h"

#include <gtest/gtest.h>

#include "tests/unit/net/packet_builder.h"

namespace tunneld::net {
namespace {

using namespace testing;  // NOLINT: the builder's vocabulary

std::uint16_t in_wire_order(std::uint16_t value) {
  return __builtin_bswap16(value);
}

TEST(Checksum, TheExampleOfRfc1071) {
  const Bytes bytes = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(in_wire_order(fold(sum_bytes(bytes))), 0xddf2);
  EXPECT_EQ(in_wire_order(finish(sum_bytes(bytes))), 0x220d);
}

TEST(Checksum, AgreesWithTheBookAtEveryLengthAndAlignment) {
  Random random(41);
  const Bytes bytes = random_bytes(random, 400);
  for (std::size_t start = 0; start < 16; ++start) {
    for (std::size_t length = 0; length + start <= bytes.size(); ++length) {
      const ByteView part = ByteView(bytes).subspan(start, length);
      ASSERT_EQ(in_wire_order(fold(sum_bytes(part))), naive_sum(part)) << start << "+" << length;
    }
  }
}

TEST(Checksum, CarriesAreNotLostInTheLargestPackets) {
  for (const std::uint8_t value :
       {std::uint8_t{0xff}, std::uint8_t{0xfe}, std::uint8_t{0x80}, std::uint8_t{0}}) {
    for (const std::size_t length : {65535U, 65534U, 1500U, 33U}) {
      const Bytes bytes(length, value);
      EXPECT_EQ(in_wire_order(fold(sum_bytes(bytes))), naive_sum(bytes)) << unsigned{value} << ", " << length;
    }
  }
  EXPECT_EQ(fold(~PartialSum{0}), 0xffff);
}

TEST(Checksum, SumsOfEvenPartsAdd) {
  Random random(42);
  const Bytes bytes = random_bytes(random, 1001);
  for (std::size_t cut = 0; cut < bytes.size(); cut += 2) {
    const ByteView all(bytes);
    EXPECT_EQ(fold(sum_bytes(all.first(cut)) + sum_bytes(all.subspan(cut))), fold(sum_bytes(all)));
  }
}

TEST(Checksum, ThePseudoHeaderIsAddressesLengthAndProtocol) {
  for (const PacketSpec& spec : {PacketSpec(), PacketSpec::v6()}) {
    const Bytes packet = build(spec);
    const auto ip = IpPacket::parse(packet);
    ASSERT_TRUE(ip);
    Bytes summed = spec.source;
    put(summed, spec.destination);
    put32(summed, 65575);
    put32(summed, 17);
    EXPECT_EQ(in_wire_order(fold(pseudo_header_sum(*ip, 17, 65575))), naive_sum(summed));
  }
}

TEST(Checksum, AnUpdatedFieldIsTheOneOfTheChangedBytes) {
  Random random(43);
  for (int round = 0; round < 100000; ++round) {
    Bytes bytes = random_bytes(random, 40);
    if (round % 4 == 0) bytes.assign(40, round % 8 == 0 ? 0xff : 0x00);
    put16(bytes, 0x4500);  // no header is all zero
    const std::uint16_t field = finish(sum_bytes(bytes));
    const std::size_t at = between(random, 0, 19) * 2;
    const auto before = load_le<std::uint16_t>(&bytes[at]);
    const auto after = static_cast<std::uint16_t>(random() % 4 == 0 ? random() % 2 * 0xffff : random());
    store_le(&bytes[at], after);
    // Verified rather than compared: 0 and 0xffff are the same in one's complement.
    ASSERT_EQ(fold(sum_bytes(bytes) + updated_checksum(field, before, after)), 0xffff);
  }
}

TEST(Checksum, AnIpv4HeaderIsRewrittenWhateverItsChecksumWas) {
  PacketSpec spec;
  spec.ip_options = {1, 1, 1, 1};
  const Bytes packet = build(spec);
  Bytes changed = packet;
  changed[10] = 0x12;
  set_ipv4_checksum(changed.data(), 24);
  EXPECT_EQ(changed, packet);
}

}  // namespace
}  // namespace tunneld::net
