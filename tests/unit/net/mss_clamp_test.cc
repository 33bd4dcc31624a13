// Only what a SYN announces is lowered, and the checksum is right exactly if it was right before.
#include "common/net/mss_clamp.h"

#include <gtest/gtest.h>

#include "tests/unit/net/packet_builder.h"

namespace tunneld::net {
namespace {

using namespace testing;  // NOLINT: the builder's vocabulary

constexpr std::uint8_t kSyn = 0x02, kAck = 0x10;

bool clamp(Bytes& packet, std::size_t mtu) {
  const auto ip = IpPacket::parse(packet);
  return ip && clamp_mss(packet, *ip, mtu);
}

PacketSpec syn(bool ipv6, Bytes options) {
  PacketSpec spec = ipv6 ? PacketSpec::v6() : PacketSpec();
  spec.flags = kSyn;
  spec.tcp_options = std::move(options);
  return spec;
}

/// The packet that the sender would have built with other options.
void expect_clamped(const PacketSpec& spec, std::size_t mtu, const Bytes& options) {
  Bytes packet = build(spec);
  EXPECT_TRUE(clamp(packet, mtu));
  PacketSpec expected = spec;
  expected.tcp_options = options;
  EXPECT_EQ(packet, build(expected));
}

TEST(MssClamp, LowersWhatASynAnnouncesToWhatFits) {
  expect_clamped(syn(false, {2, 4, 0x05, 0xb4}), 1420, {2, 4, 0x05, 0x64});  // 1380
  expect_clamped(syn(true, {2, 4, 0x05, 0xa0}), 1420, {2, 4, 0x05, 0x50});   // 1360
  PacketSpec answer = syn(false, {2, 4, 0xff, 0xff});
  answer.flags = kSyn | kAck;
  expect_clamped(answer, 1420, {2, 4, 0x05, 0x64});
}

TEST(MssClamp, FindsTheOptionAtAnyPlaceEvenAnOddOne) {
  expect_clamped(syn(false, {1, 2, 4, 0x05, 0xb4, 0, 0, 0}), 1420, {1, 2, 4, 0x05, 0x64, 0, 0, 0});
  expect_clamped(syn(false, {3, 3, 7, 2, 4, 0x05, 0xb4, 1}), 1420, {3, 3, 7, 2, 4, 0x05, 0x64, 1});
  expect_clamped(syn(true, {8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 4, 2, 2, 4, 0x06, 0x00}), 1420,
                 {8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 4, 2, 2, 4, 0x05, 0x50});
}

TEST(MssClamp, FindsTcpBehindIpOptionsAndExtensionHeaders) {
  PacketSpec spec = syn(false, {2, 4, 0x05, 0xb4});
  spec.ip_options = {1, 1, 1, 1};
  expect_clamped(spec, 1420, {2, 4, 0x05, 0x64});
  spec = syn(true, {2, 4, 0x05, 0xb4});
  spec.first_next = 60;
  spec.extensions = {6, 0, 1, 4, 0, 0, 0, 0};
  expect_clamped(spec, 1420, {2, 4, 0x05, 0x50});
}

void expect_untouched(const PacketSpec& spec, std::size_t mtu = 1420) {
  Bytes packet = build(spec);
  const Bytes before = packet;
  EXPECT_FALSE(clamp(packet, mtu));
  EXPECT_EQ(packet, before);
}

TEST(MssClamp, NeverRaisesOrAddsAndLeavesAllElseAlone) {
  expect_untouched(syn(false, {2, 4, 0x05, 0x64}));
  expect_untouched(syn(false, {2, 4, 0x01, 0x00}));
  expect_untouched(syn(false, {}));
  PacketSpec spec = syn(false, {2, 4, 0x05, 0xb4});
  spec.flags = kAck;
  expect_untouched(spec);
  spec = syn(false, {2, 4, 0x05, 0xb4});
  spec.udp = true;
  spec.payload = Bytes(40, 0x02);
  expect_untouched(spec);
  spec = syn(false, {2, 4, 0x05, 0xb4});
  spec.fragment_field = 0x0001;
  expect_untouched(spec);
}

TEST(MssClamp, ATinyMtuDoesNotLowerItBelowWhatEveryPathCarries) {
  expect_clamped(syn(false, {2, 4, 0x05, 0xb4}), 0, {2, 4, 0x02, 0x18});  // 536
  expect_clamped(syn(true, {2, 4, 0x05, 0xb4}), 0, {2, 4, 0x02, 0x04});   // 516
}

TEST(MssClamp, AWrongChecksumStaysWrong) {
  const PacketSpec spec = syn(false, {2, 4, 0x05, 0xb4});
  Bytes packet = build(spec);
  packet[36] ^= 1;
  EXPECT_TRUE(clamp(packet, 1420));
  EXPECT_EQ(wrong_checksum(spec, packet), "transport");
}

TEST(MssClamp, MalformedOptionsEndTheSearch) {
  expect_untouched(syn(false, {0, 2, 4, 0x05, 0xb4, 0, 0, 0}));  // after the end
  expect_untouched(syn(false, {5, 0, 2, 4, 0x05, 0xb4, 0, 0}));  // a length of zero
  expect_untouched(syn(false, {5, 1, 2, 4, 0x05, 0xb4, 0, 0}));  // of one
  expect_untouched(syn(false, {5, 9, 2, 4, 0x05, 0xb4, 0, 0}));  // beyond the header
  expect_untouched(syn(false, {2, 3, 0xff, 1}));                 // no MSS has three bytes
  expect_untouched(syn(false, {1, 1, 1, 2}));                    // cut after its kind
  expect_untouched(syn(false, {1, 1, 2, 4}));                    // and after its length
}

TEST(MssClamp, TwoAnnouncementsAreBothLowered) {
  expect_clamped(syn(false, {2, 4, 0x05, 0xb4, 2, 4, 0x06, 0x00}), 1420,
                 {2, 4, 0x05, 0x64, 2, 4, 0x05, 0x64});
}

TEST(MssClamp, RandomSynsKeepTheirChecksumsAndNeverReachBeyondThePacket) {
  Random random(21);  // what happens beyond it, the address sanitizer sees
  std::size_t changed = 0;
  for (int round = 0; round < 100000; ++round) {
    PacketSpec spec = syn(random() % 2 == 0, random_bytes(random, between(random, 0, 10) * 4));
    // An announcement at some place, behind options that may or may not lead to it.
    const std::size_t at = between(random, 0, 37);
    for (std::size_t i = 0; i < at && i < spec.tcp_options.size(); ++i) {
      if (random() % 4 != 0) spec.tcp_options[i] = 1;
    }
    for (std::size_t i = at; i < at + 2 && i < spec.tcp_options.size(); ++i) {
      spec.tcp_options[i] = i == at ? 2 : 4;
    }
    spec.payload = random_bytes(random, between(random, 0, 3));
    Bytes packet = build(spec);
    packet.shrink_to_fit();
    changed += clamp(packet, between(random, 0, 2000)) ? 1U : 0U;
    ASSERT_EQ(wrong_checksum(spec, packet), "");
    // The data offset may promise more than there is.
    packet[transport_offset(spec) + 12] = static_cast<std::uint8_t>(random());
    clamp(packet, 600);
    // And the IP header less.
    const std::size_t network = spec.ipv6 ? 40U : 20U;
    packet.resize(between(random, network, packet.size()));
    packet.shrink_to_fit();
    store_be16(packet.data() + (spec.ipv6 ? 4 : 2),
               static_cast<std::uint16_t>(spec.ipv6 ? packet.size() - 40 : packet.size()));
    clamp(packet, 500);
  }
  EXPECT_GT(changed, 1000U) << "too few to mean anything";
}

}  // namespace
}  // namespace tunneld::net
