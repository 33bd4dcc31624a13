// ICMP errors in answer to packets that go no further: the sender's program learns at once what silence would
// let it wait for, and path MTU discovery works inside the tunnel.
//
// An error must never answer what could make errors go in circles or multiply (RFC 1122 section 3.2.2, RFC
// 1812 section 4.3.2.7, RFC 4443 section 2.4): another ICMP error, a later fragment, a packet to or from more
// than one host. The rate is the caller's to limit.
#pragma once

#include <cstddef>

#include "common/bytes.h"
#include "common/net/ip_packet.h"

namespace tunneld::net {

enum class Undeliverable : std::uint8_t {
  kNoRoute,      // ICMP net unreachable, ICMPv6 no route
  kUnreachable,  // host, or address, unreachable
  kProhibited,   // by a rule of ours
  kTooBig,       // fragmentation needed, packet too big
};

/// No answer is longer: IPv6's least MTU. IPv4's are at most 576 bytes.
inline constexpr std::size_t kMaxIcmpError = 1280;

/// Writes the answer to `packet` (parsed as `ip`) into `out`, at least kMaxIcmpError bytes, and returns its
/// length; 0 if none may be sent. `from`: an address of ours, of the packet's family. `mtu`: what the packet
/// did not fit, for kTooBig, which answers an IPv4 packet only if that may not be fragmented.
[[nodiscard]] std::size_t write_icmp_error(MutableBytes out, ByteView packet, const IpPacket& ip,
                                           Undeliverable reason, const IpAddress& from, std::size_t mtu = 0);

}  // namespace tunneld::net
