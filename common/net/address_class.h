// Classifies addresses: those that come from elsewhere before they are set on our host, link-local ones
// wherever an interface belongs to them.
#pragma once

#include "common/bytes.h"
#include "common/net/ip_address.h"

namespace tunneld::net {

/// 224.0.0.0/4, ff00::/8.
[[nodiscard]] bool is_multicast(const IpAddress& address);
/// 127.0.0.0/8, ::1.
[[nodiscard]] bool is_loopback(const IpAddress& address);
/// fe80::/10, of the 16 bytes of an IPv6 address.
[[nodiscard]] inline bool is_link_local_v6(const std::uint8_t* address) {
  return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}
/// 169.254.0.0/16, fe80::/10.
[[nodiscard]] inline bool is_link_local(const IpAddress& address) {
  const ByteView bytes = address.bytes();
  return address.is_v4() ? bytes[0] == 169 && bytes[1] == 254 : is_link_local_v6(bytes.data());
}
/// Whether a host on another link can have this address: none of the above, not unspecified, not in 0.0.0.0/8
/// or 240.0.0.0/4, and not an IPv4 address embedded in IPv6.
[[nodiscard]] bool is_host_address(const IpAddress& address);
/// Whether it makes sense to route this network into a tunnel: the default route, or a network without host
/// bits that starts with a host's address and is not within one of the ranges above.
[[nodiscard]] bool is_routable_network(const IpPrefix& network);
/// Within a range that is never routed between sites: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 (RFC 1918),
/// 100.64.0.0/10 (RFC 6598), 169.254.0.0/16, fc00::/7.
[[nodiscard]] bool is_private(const IpPrefix& network);
/// In the ranges for examples, which nobody has: 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 (RFC 5737),
/// 2001:db8::/32 (RFC 3849), 3fff::/20 (RFC 9637).
[[nodiscard]] bool is_for_documentation(const IpAddress& address);
/// So large that it amounts to a default route: shorter than /8 for IPv4, shorter than /7 for IPv6 (fc00::/7
/// is private), or 2000::/3 (all global addresses) and any prefix that contains it.
[[nodiscard]] bool is_default_like(const IpPrefix& network);

}  // namespace tunneld::net
