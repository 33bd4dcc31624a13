// Finds addresses or networks of the tunnel that another interface has as well: a container bridge in the VPN's
// range, a second VPN, the same LAN at both ends. The kernel allows it, but then one of them gets no answers.
#pragma once

#include <string>
#include <vector>

#include "common/net/ip_address.h"
#include "daemon/host/interface_addresses.h"

namespace tunneld::daemon {

/// One line each: "10.9.0.1/24 is an address of docker0 too, …". Pure. `own`: with host bits. Interfaces that
/// are down do not answer, and a link-local network is every link's.
[[nodiscard]] std::vector<std::string> found_elsewhere(const std::vector<net::IpPrefix>& own,
                                                       const std::vector<InterfaceAddress>& others);

}  // namespace tunneld::daemon
