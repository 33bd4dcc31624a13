// The packet path does not allocate: cutting, looking up and joining in steady state.
#include <gtest/gtest.h>

#include "common/net/allowed_ips.h"
#include "common/net/coalesce.h"
#include "common/net/segment.h"
#include "tests/counted_malloc.h"
#include "tests/unit/net/packet_builder.h"

#ifdef TUNNELD_COUNTS_MALLOC

namespace tunneld::net {
namespace {

using namespace testing;  // NOLINT: the builder's vocabulary

TEST(PacketPath, AllocationsAreSeenByThisTest) {
  const std::size_t before = allocations;
  const Bytes some(100);
  EXPECT_GT(allocations, before);
}

TEST(PacketPath, DoesNotAllocate) {
  PacketSpec spec;
  spec.payload = Bytes(60000, 1);
  VirtioNetHeader header{.flags = kVirtioNeedsChecksum,
                         .gso_type = kVirtioGsoTcp4,
                         .gso_size = 1400,
                         .csum_start = 20,
                         .csum_offset = 16};
  Bytes superpacket = build(spec, Checksum::kPseudoHeaderOnly);
  Bytes packets(50 * 1500);
  AllowedIps table;
  table.insert(*IpPrefix::parse("10.0.0.0/8"), 3);
  Coalescer coalescer({.tcp = true, .udp = true});
  std::size_t parts = 0;
  std::size_t owned = 0;

  const std::size_t before = allocations;
  for (int round = 0; round < 100; ++round) {
    const auto plan = Segmenter::plan(header, superpacket);
    for (std::size_t i = 0; i < plan->count(); ++i) {
      const MutableBytes packet(packets.data() + i * 1500, plan->size(i));
      plan->write(i, packet.data());
      const auto ip = IpPacket::parse(packet);
      owned += table.lookup(ip->family, ip->source) == 3 ? 1U : 0U;
      coalescer.add(packet, *ip);
    }
    coalescer.flush([&](const VirtioNetHeader&, std::span<const iovec> pieces) { parts += pieces.size(); });
  }
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(parts, 43U * 100);
  EXPECT_EQ(owned, 43U * 100);
}

}  // namespace
}  // namespace tunneld::net

#endif
