#include "common/net/ip_packet.h"

namespace tunneld::net {
namespace {

Fragmentation fragmentation(bool more, bool at_start) {
  if (!at_start) return Fragmentation::kLater;
  return more ? Fragmentation::kFirst : Fragmentation::kWhole;
}

}  // namespace

bool may_change_routes(ByteView packet, const IpPacket& ip) {
  constexpr std::uint8_t kRouterAdvertisement = 134;
  constexpr std::uint8_t kRedirect = 137;
  const auto transport = find_transport(packet, ip);
  if (!transport) return true;
  if (transport->protocol != kProtocolIcmpv6 || transport->offset >= ip.length) return false;
  const std::uint8_t type = packet[transport->offset];
  return transport->fragmentation != Fragmentation::kLater &&
         (type == kRouterAdvertisement || type == kRedirect);
}

std::optional<Transport> find_transport(ByteView packet, const IpPacket& ip) {
  if (ip.family == Family::kIpv4) {
    const unsigned field = load_be16(packet.data() + 6);
    return Transport{ip.protocol,
                     fragmentation((field & kIpv4MoreFragments) != 0, (field & kIpv4FragmentOffset) == 0),
                     ip.header_length};
  }
  Transport transport{ip.protocol, Fragmentation::kWhole, kIpv6HeaderSize};
  while (is_ipv6_extension(transport.protocol)) {
    const std::size_t left = ip.length - transport.offset;
    if (left < 8) return std::nullopt;
    const std::uint8_t* header = packet.data() + transport.offset;
    std::size_t length = 0;
    if (transport.protocol == kIpv6Fragment) {
      length = 8;
      const unsigned field = load_be16(header + 2);
      transport.fragmentation = fragmentation((field & 1) != 0, field >> 3 == 0);
    } else if (transport.protocol == kIpv6Authentication) {
      length = (std::size_t{header[1]} + 2) * 4;  // RFC 4302: in words of 4 bytes, minus 2
    } else {
      length = (std::size_t{header[1]} + 1) * 8;
    }
    if (length > left) return std::nullopt;
    transport.protocol = header[0];
    transport.offset += length;
    if (transport.fragmentation == Fragmentation::kLater) break;
  }
  return transport;
}

}  // namespace tunneld::net
