// The networks that this host is connected to apart from the tunnel. A client checks a server's push against them.
#pragma once

#include <string>
#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::daemon {

struct HostNetworks {
  struct Connected {
    std::string interface;
    /// The interface's address with its network's length, or a route straight out of it.
    net::IpPrefix address;
  };
  std::vector<Connected> connected;
  /// Next hops of routes outside of the tunnel, including those on its bridge: if we used such an address there,
  /// others would take us for the gateway.
  std::vector<net::IpAddress> gateways;
  /// Whether IPv6 is enabled on the tunnel's own interface.
  bool has_ipv6 = true;
};

/// `place`: the interface with the tunnel's addresses, of which only gateways count. `device`: the tunnel's device,
/// which is left out. Throws std::system_error if the host cannot be asked, for example because no descriptor is
/// left. An incomplete answer would be dangerous: a server's route could divert packets for this host's networks
/// into the tunnel.
[[nodiscard]] HostNetworks host_networks(const std::string& place, const std::string& device);

}  // namespace tunneld::daemon
