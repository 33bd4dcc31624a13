// A number for the flow that a packet belongs to: equal for all packets of one flow in one direction.
#pragma once

#include <cstdint>

#include "common/net/ip_packet.h"

namespace tunneld::net {

/// A hash of addresses, protocol and, where the transport header follows directly, the ports; of a fragment,
/// the addresses only. `head`: the beginning of the packet, at least its headers. 0 if it is not an IP
/// packet.
[[nodiscard]] inline std::uint32_t flow_hash(ByteView head) {
  const bool v4 = !head.empty() && head[0] >> 4 == 4;
  const bool v6 = !head.empty() && head[0] >> 4 == 6;
  if ((!v4 && !v6) || head.size() < (v4 ? kIpv4HeaderSize : kIpv6HeaderSize)) return 0;
  const std::uint8_t protocol = head[v4 ? 9 : 6];
  std::uint64_t hash = protocol;
  const auto mix = [&hash](std::uint32_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 32;
  };
  const std::size_t addresses = v4 ? 12 : 8;
  const std::size_t header = v4 ? std::size_t{head[0] & 15U} * 4 : kIpv6HeaderSize;
  for (std::size_t at = addresses; at < addresses + (v4 ? 8 : 32); at += 4)
    mix(load_le<std::uint32_t>(&head[at]));
  const bool has_ports = protocol == kProtocolTcp || protocol == kProtocolUdp;
  const bool is_fragment = v4 && (load_be16(&head[6]) & (kIpv4MoreFragments | kIpv4FragmentOffset)) != 0;
  if (has_ports && !is_fragment && head.size() >= header + 4) mix(load_le<std::uint32_t>(&head[header]));
  return static_cast<std::uint32_t>(hash);
}

}  // namespace tunneld::net
