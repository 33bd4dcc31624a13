#include "common/protocol/peer/waiting_packets.h"

#include <list>

#include <gtest/gtest.h>

namespace tunneld::protocol {
namespace {

using Packet = std::vector<std::uint8_t>;

TEST(WaitingPackets, TheOldestGoFirst) {
  std::size_t in_all = 0;
  WaitingPackets waiting(in_all);
  for (std::size_t i = 0; i < WaitingPackets::kMostPackets; ++i) EXPECT_EQ(waiting.push(Packet(10, 1)), 0U);
  EXPECT_EQ(waiting.push(Packet(10, 2)), 1U);
  EXPECT_EQ(waiting.size(), WaitingPackets::kMostPackets);
  EXPECT_EQ(*std::prev(waiting.end()), Packet(10, 2));
}

TEST(WaitingPackets, AreBoundedForAllPeersTogether) {
  std::size_t in_all = 0;
  constexpr std::size_t kPacket = 1500;
  constexpr std::size_t kPeers =
      2 * WaitingPackets::kMostBytesInAll / (kPacket * WaitingPackets::kMostPackets);
  std::list<WaitingPackets> peers;
  std::size_t dropped = 0, held = 0;
  for (std::size_t peer = 0; peer < kPeers; ++peer) {
    peers.emplace_back(in_all);
    for (std::size_t i = 0; i < WaitingPackets::kMostPackets; ++i)
      dropped += peers.back().push(Packet(kPacket, 0));
  }
  for (const WaitingPackets& waiting : peers) held += waiting.size();
  EXPECT_LE(in_all, WaitingPackets::kMostBytesInAll);
  EXPECT_EQ(in_all, held * kPacket);
  EXPECT_EQ(held + dropped, kPeers * WaitingPackets::kMostPackets);
  EXPECT_EQ(peers.front().size(), WaitingPackets::kMostPackets) << "nobody's packets push out another's";

  peers.pop_front();
  EXPECT_EQ(peers.back().push(Packet(kPacket, 0)), 0U) << "there is room again";
  peers.clear();
  EXPECT_EQ(in_all, 0U);
}

TEST(WaitingPackets, WithoutRoomForOneItIsTheOneThatGoes) {
  std::size_t in_all = WaitingPackets::kMostBytesInAll;
  WaitingPackets waiting(in_all);
  EXPECT_EQ(waiting.push(Packet(10, 1)), 1U);
  EXPECT_TRUE(waiting.empty());
}

}  // namespace
}  // namespace tunneld::protocol
