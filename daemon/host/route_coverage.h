// Computes what several networks cover together. Pure.
//
// A server that may not push a default route could push one in pieces: as adjacent networks, or as the IPv6
// addresses that NAT64 translates to all of IPv4.
#pragma once

#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::daemon {

/// All of `other` is in `network`.
[[nodiscard]] bool covers(const net::IpPrefix& network, const net::IpPrefix& other);

/// NAT64's own networks (RFC 6052, RFC 8215) or a part of them, where 32 bits lead to all of IPv4.
[[nodiscard]] bool is_nat64(const net::IpPrefix& network);

/// The smallest set of networks with the same addresses, in order and without host bits.
[[nodiscard]] std::vector<net::IpPrefix> united(const std::vector<net::IpPrefix>& networks);

/// Whether they cover the whole Internet: IPv4 except private and unroutable networks, or IPv6's 2000::/3.
[[nodiscard]] bool takes_whole(const std::vector<net::IpPrefix>& networks, net::Family family);

/// Whether they amount to a default route: NAT64 counts as the IPv4 behind it; private networks do not count.
/// The bounds: a /6 of IPv4, a /16 of IPv6, of which the registries have a few /12 in use.
[[nodiscard]] bool amounts_to_default(const std::vector<net::IpPrefix>& networks, net::Family family);

/// `network` without `hole`, in as many pieces as necessary; `network` itself if they do not overlap.
[[nodiscard]] std::vector<net::IpPrefix> without(const net::IpPrefix& network, const net::IpPrefix& hole);
[[nodiscard]] std::vector<net::IpPrefix> without(const std::vector<net::IpPrefix>& networks,
                                                 const net::IpPrefix& hole);

}  // namespace tunneld::daemon
