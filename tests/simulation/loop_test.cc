// A route to the peer leads into the tunnel, so that its own datagrams come back out of the device: they must
// not loop.
#include <gtest/gtest.h>

#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

/// `datagram` in IPv4 and UDP, as the kernel would route it.
std::vector<std::uint8_t> as_packet(const std::string& from, const std::string& to, ByteView datagram) {
  std::vector<std::uint8_t> packet(28 + datagram.size());
  packet[0] = 0x45;
  store_be16(&packet[2], static_cast<std::uint16_t>(packet.size()));
  packet[8] = 64;
  packet[9] = net::kProtocolUdp;
  std::memcpy(&packet[12], address(from).bytes().data(), 4);
  std::memcpy(&packet[16], address(to).bytes().data(), 4);
  store_be16(&packet[20], 1111);
  store_be16(&packet[22], 2222);
  store_be16(&packet[24], static_cast<std::uint16_t>(8 + datagram.size()));
  std::copy(datagram.begin(), datagram.end(), packet.begin() + 28);
  net::set_ipv4_checksum(packet.data(), 20);
  return packet;
}

TEST(Loop, OwnDatagramsAreDroppedAndOthersToTheSamePeerAreNot) {
  Network network(1);
  Node a(network, "192.0.2.1:1111", "10.0.0.1"), b(network, "192.0.2.2:2222", "10.0.0.2");
  const protocol::PeerId peer = a.add_peer(b, true);
  b.add_peer(a, false);
  std::vector<net::IpPrefix> everything = {*net::IpPrefix::parse("0.0.0.0/0")};
  a.tunnel->change_peers({.removed = {}, .allowed_ips = {{peer, everything}}, .added = {}}, network.now());
  std::vector<std::uint8_t> last;
  network.on_wire = [&](const Node& from, ByteView datagram) {
    if (&from == &a && protocol::classify(datagram) == MessageType::kData)
      last.assign(datagram.begin(), datagram.end());
    return true;
  };
  a.send(b, 1);
  network.run_for(1s);
  ASSERT_FALSE(last.empty());
  const auto offer = [&](std::vector<std::uint8_t> packet) {
    a.outbound.begin(network.now().boot);
    EXPECT_TRUE(a.outbound.add({}, packet));
    return a.outbound.finish().size();
  };
  const auto own = as_packet("192.0.2.1", "192.0.2.2", last);
  EXPECT_EQ(offer(own), 0U);
  EXPECT_EQ(a.plane.drops[0].get(protocol::Drop::kLoop), 1U);
  // Somebody else's tunnel to the same place, through ours.
  auto other = last;
  other[4] ^= 1;
  EXPECT_EQ(offer(as_packet("192.0.2.1", "192.0.2.2", other)), 1U);
  EXPECT_EQ(offer(as_packet("192.0.2.1", "192.0.2.3", last)), 1U);
  EXPECT_EQ(offer(as_packet("192.0.2.1", "192.0.2.2", ByteView(last).first(6))), 1U);
}

}  // namespace
}  // namespace tunneld::simulation
