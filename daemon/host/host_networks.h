// What this host is connected to beside the tunnel: asked before something that a server wants is put beside
// it.
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
  /// Next hops of routes that do not lead into the tunnel, but to its bridge, too: who had such an address
  /// there would be taken for the gateway.
  std::vector<net::IpAddress> gateways;
  /// Whether the tunnel's own interface takes IPv6.
  bool has_ipv6 = true;
};

/// `place`: where the tunnel's addresses are, which has only gateways. `device`: its own, which is left out.
/// Throws std::system_error where the host cannot be asked, no descriptor being left, for example: nothing may be taken for not there,
/// or a server's route could lead into the tunnel what belongs to this host's own networks.
[[nodiscard]] HostNetworks host_networks(const std::string& place, const std::string& device);

}  // namespace tunneld::daemon
