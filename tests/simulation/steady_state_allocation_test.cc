// In steady state a packet from one tunnel's device to the other's causes no allocation: superpackets and
// small packets, both ciphers.
#include "tests/counted_malloc.h"
#include "tests/simulation/simulated_network.h"
#include "tests/unit/net/packet_builder.h"

#ifdef TUNNELD_COUNTS_MALLOC

namespace tunneld::simulation {
namespace {

/// Copies of a packet from the device, one for each time that it is sent: sending changes it.
struct DevicePacket {
  net::VirtioNetHeader header;
  net::testing::Bytes bytes;
};

std::vector<DevicePacket> device_packets() {
  net::testing::PacketSpec superpacket;
  superpacket.payload = net::testing::Bytes(60000, 1);
  net::testing::PacketSpec small;
  small.udp = true;
  small.payload = net::testing::Bytes(64, 2);
  return {{{.flags = net::kVirtioNeedsChecksum,
            .gso_type = net::kVirtioGsoTcp4,
            .gso_size = 1380,
            .csum_start = 20,
            .csum_offset = 16},
           build(superpacket, net::testing::Checksum::kPseudoHeaderOnly)},
          {{}, build(small, net::testing::Checksum::kWhole)}};
}

void carry_without_allocating(const protocol::TunnelOptions& options, MessageType type) {
  Network network(1);
  Node a(network, "192.0.2.1:1111", "10.0.0.1", options), b(network, "192.0.2.2:2222", "10.0.0.2", options);
  if (options.fast_cipher && !a.engine->supports(crypto::Cipher::kAes256Gcm)) {
    GTEST_SKIP() << "this CPU has no AES for libsodium";
  }
  a.add_peer(b, true);
  b.add_peer(a, false);
  a.send(b, 1);
  network.run_for(5s);
  b.send(a, 1);
  network.run_for(5s);

  const std::vector<DevicePacket> packets = device_packets();
  std::vector<std::uint8_t> packet(65536), wire(65536);
  protocol::Inbound inbound(b.plane, b.plane.threads.inbound(0), {.tcp = true, .udp = true});
  const net::Endpoint from = endpoint(a.outside);
  std::size_t delivered = 0, runs_of_type = 0, runs = 0;
  const auto write = [&](const net::VirtioNetHeader&, std::span<const iovec> parts) {
    for (const iovec& part : parts) delivered += part.iov_len;
  };
  std::size_t sent = 0;
  const auto carry = [&](const DevicePacket& original) {
    std::copy(original.bytes.begin(), original.bytes.end(), packet.begin());
    a.outbound.begin(network.now().boot);
    ASSERT_TRUE(a.outbound.add(original.header, MutableBytes(packet).first(original.bytes.size())));
    sent += original.bytes.size();
    inbound.begin(network.now().boot);
    for (const protocol::SealedRun& run : a.outbound.finish()) {
      std::copy(run.bytes.begin(), run.bytes.end(), wire.begin());
      ++runs;
      runs_of_type += protocol::classify(run.bytes.first(run.segment_size)) == type ? 1U : 0U;
      inbound.add({MutableBytes(wire).first(run.bytes.size()), run.segment_size, 0, from}, write);
      a.outbound.note_sent(run, run.segments, false);
    }
    inbound.finish(write);
  };
  for (const DevicePacket& one : packets) carry(one);  // the first may make ready what the rest uses
  const std::size_t before = allocations;
  for (int round = 0; round < 1000; ++round) {
    for (const DevicePacket& one : packets) carry(one);
  }
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(delivered, sent);
  EXPECT_EQ(runs_of_type, runs) << "another cipher than the one that this test is about";
}

TEST(SteadyState, AllocationsAreSeenByThisTest) {
  const std::size_t before = allocations;
  const std::vector<int> some(100);
  EXPECT_GT(allocations, before);
}

TEST(SteadyState, WireGuardsCipherDoesNotAllocate) {
  carry_without_allocating(kStock, MessageType::kData);
}

TEST(SteadyState, TheFastCipherDoesNotAllocate) {
  carry_without_allocating(kFast, MessageType::kFastData);
}

}  // namespace
}  // namespace tunneld::simulation

#endif
