#include "common/net/flow_hash.h"

#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace tunneld::net {
namespace {

std::vector<std::uint8_t> udp(std::uint8_t version, std::uint16_t port, std::uint8_t filler,
                              std::uint16_t fragment = 0) {
  const std::size_t header = version == 4 ? kIpv4HeaderSize : kIpv6HeaderSize;
  std::vector<std::uint8_t> packet(header + 32, filler);
  packet[0] = static_cast<std::uint8_t>(version << 4 | (version == 4 ? 5 : 0));
  if (version == 4) {
    store_be16(&packet[2], static_cast<std::uint16_t>(packet.size()));
    store_be16(&packet[6], fragment);
    packet[9] = kProtocolUdp;
  } else {
    store_be16(&packet[4], 32);
    packet[6] = kProtocolUdp;
  }
  std::fill_n(packet.begin() + (version == 4 ? 12 : 8), version == 4 ? 8 : 32, std::uint8_t{1});
  store_be16(&packet[header], port);
  store_be16(&packet[header + 2], 443);
  return packet;
}

TEST(FlowHash, IsTheFlowsAndNotThePackets) {
  for (const std::uint8_t version : {std::uint8_t{4}, std::uint8_t{6}}) {
    EXPECT_EQ(flow_hash(udp(version, 1000, 3)), flow_hash(udp(version, 1000, 7)));
    EXPECT_NE(flow_hash(udp(version, 1000, 3)), flow_hash(udp(version, 1001, 3)));
  }
}

TEST(FlowHash, SpreadsNeighbouringPortsEvenlyOverFewQueues) {
  std::map<std::uint32_t, int> queues;
  for (std::uint16_t port = 40000; port < 40400; ++port) ++queues[flow_hash(udp(4, port, 0)) % 4];
  ASSERT_EQ(queues.size(), 4U);
  for (const auto& [queue, flows] : queues) EXPECT_NEAR(flows, 100, 40) << "queue " << queue;
}

TEST(FlowHash, FragmentsOfAPacketStayTogether) {
  EXPECT_EQ(flow_hash(udp(4, 1000, 3, kIpv4MoreFragments)), flow_hash(udp(4, 77, 9, 4)));
}

TEST(FlowHash, TheBeginningOfASuperpacketIsEnough) {
  auto first = udp(4, 1000, 3);
  const std::uint32_t hash = flow_hash(first);
  store_be16(&first[2], 60000);
  EXPECT_EQ(flow_hash(first), hash);
}

TEST(FlowHash, TakesAnything) {
  for (const std::uint8_t version : {std::uint8_t{4}, std::uint8_t{6}}) {
    const auto whole = udp(version, 1000, 3);
    const std::size_t header = version == 4 ? kIpv4HeaderSize : kIpv6HeaderSize;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      // A copy of just that size, so that a sanitizer sees a step beyond.
      const std::vector<std::uint8_t> head(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(flow_hash(head) == 0, size < header) << size;
    }
  }
  std::vector<std::uint8_t> options(kIpv4HeaderSize, 0x4f);
  EXPECT_NE(flow_hash(options), 0U);
}

}  // namespace
}  // namespace tunneld::net
