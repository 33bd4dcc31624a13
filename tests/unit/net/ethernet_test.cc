#include "common/net/ethernet.h"

#include <gtest/gtest.h>

#include "packet_builder.h"

namespace tunneld::net {
namespace {

using testing::Bytes;

constexpr std::string_view kHere = "02:00:00:00:00:01";
constexpr std::string_view kThere = "02:00:00:00:00:02";

Bytes frame_with(std::initializer_list<std::uint32_t> tags, std::uint16_t type, std::size_t payload) {
  Bytes bytes;
  testing::put(bytes, MacAddress::parse(kThere)->bytes());
  testing::put(bytes, MacAddress::parse(kHere)->bytes());
  for (const std::uint32_t tag : tags) testing::put32(bytes, tag);
  testing::put16(bytes, type);
  bytes.resize(bytes.size() + payload);
  return bytes;
}

TEST(MacAddress, IsReadAndWrittenAsIpLinkDoes) {
  const auto address = MacAddress::parse("fE:00:5e:10:0a:0B");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->to_string(), "fe:00:5e:10:0a:0b");
  EXPECT_EQ(address->number(), 0xfe005e100a0bU);
  EXPECT_EQ(MacAddress::parse("fe-00-5e-10-0a-0b"), address);
}

TEST(MacAddress, RefusesWhatIsNone) {
  for (const char* text : {"", "02:00:00:00:00", "02:00:00:00:00:0", "02:00:00:00:00:00:00",
                           "02:00:00:00-00:00", "02 00 00 00 00 00", "0g:00:00:00:00:00", "2:00:00:00:00:000",
                           "-2:00:00:00:00:00", "+2:00:00:00:00:00"}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

TEST(MacAddress, TellsStationsFromGroups) {
  EXPECT_TRUE(MacAddress::parse(kHere)->is_station());
  EXPECT_FALSE(MacAddress::parse("00:00:00:00:00:00")->is_station());
  EXPECT_TRUE(MacAddress::parse("ff:ff:ff:ff:ff:ff")->is_group());
  EXPECT_TRUE(MacAddress::parse("33:33:00:00:00:01")->is_group());
  EXPECT_FALSE(MacAddress::parse("33:33:00:00:00:01")->is_station());
}

TEST(EthernetFrame, ReadsAddressesTypeAndTags) {
  const auto plain = EthernetFrame::parse(frame_with({}, kEtherTypeIpv4, 46));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->destination.to_string(), kThere);
  EXPECT_EQ(plain->source.to_string(), kHere);
  EXPECT_EQ(plain->vlan, 0);
  EXPECT_EQ(plain->type, kEtherTypeIpv4);
  EXPECT_EQ(plain->header_length, 14U);

  // The outermost tag's VLAN, without its priority.
  const auto tagged = EthernetFrame::parse(frame_with({0x8100e064}, kEtherTypeIpv6, 46));
  ASSERT_TRUE(tagged);
  EXPECT_EQ(tagged->vlan, 0x064);
  EXPECT_EQ(tagged->type, kEtherTypeIpv6);
  EXPECT_EQ(tagged->header_length, 18U);

  const auto twice = EthernetFrame::parse(frame_with({0x88a80007, 0x81000064}, 0x0806, 46));
  ASSERT_TRUE(twice);
  EXPECT_EQ(twice->vlan, 7);
  EXPECT_EQ(twice->type, 0x0806);
  EXPECT_EQ(twice->header_length, 22U);

  EXPECT_FALSE(EthernetFrame::parse(frame_with({0x88a80007, 0x81000064, 0x81000065}, 0x0806, 46)));
}

TEST(EthernetFrame, EveryTruncationIsRefusedOrWithinTheBytes) {
  const Bytes whole = frame_with({0x88a80007, 0x81000064}, kEtherTypeIpv4, 20);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));  // its own: for ASan
    const auto frame = EthernetFrame::parse(cut);
    EXPECT_EQ(frame.has_value(), size >= 22) << size;
    if (frame) {
      EXPECT_LE(frame->header_length, size);
      EXPECT_FALSE(frame->ip(cut)) << "twenty zero bytes are no IP packet";
    }
  }
}

TEST(EthernetFrame, FindsAnIpPacketOnlyUnderItsOwnType) {
  Bytes packet{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 59, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
  for (const std::uint16_t type : {kEtherTypeIpv4, kEtherTypeIpv6, std::uint16_t{0x0806}}) {
    Bytes bytes = frame_with({0x81000064}, type, 0);
    testing::put(bytes, packet);
    bytes.resize(bytes.size() + 6);  // padding
    const auto frame = EthernetFrame::parse(bytes);
    ASSERT_TRUE(frame);
    const auto ip = frame->ip(bytes);
    EXPECT_EQ(ip.has_value(), type == kEtherTypeIpv4);
    if (ip) {
      EXPECT_EQ(ip->length, 20U);
    }
  }
}

}  // namespace
}  // namespace tunneld::net
