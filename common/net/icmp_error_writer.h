// Writes ICMP errors in answer to packets that cannot be delivered. The sender's program learns of it at once
// instead of waiting for a timeout, and path MTU discovery works inside the tunnel.
//
// An error must never answer a packet that could make errors loop or multiply (RFC 1122 section 3.2.2, RFC
// 1812 section 4.3.2.7, RFC 4443 section 2.4): another ICMP error, a later fragment, a packet to or from more
// than one host. The caller limits the rate.
#pragma once

#include <cstddef>

#include "common/bytes.h"
#include "common/net/ip_packet.h"

namespace tunneld::net {

enum class Undeliverable : std::uint8_t {
  kNoRoute,      // ICMP net unreachable, ICMPv6 no route
  kUnreachable,  // host, or address, unreachable
  kProhibited,   // forbidden by one of our rules
  kTooBig,       // fragmentation needed, packet too big
};

/// The longest answer: IPv6's minimum MTU. IPv4's are at most 576 bytes.
inline constexpr std::size_t kMaxIcmpError = 1280;

/// Writes the answer to `packet` (parsed as `ip`) into `out`, at least kMaxIcmpError bytes, and returns its
/// length; 0 if none may be sent. `from`: one of our addresses, of the packet's family. `mtu`, for kTooBig:
/// the MTU that the packet exceeds; an IPv4 packet is answered with kTooBig only if it has DF set.
[[nodiscard]] std::size_t write_icmp_error(MutableBytes out, ByteView packet, const IpPacket& ip,
                                           Undeliverable reason, const IpAddress& from, std::size_t mtu = 0);

}  // namespace tunneld::net
