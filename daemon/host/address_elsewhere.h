// Whether an address or network of the tunnel is another interface's as well: a container bridge that took
// the VPN's range, a second VPN, a LAN at both ends. The kernel allows it, and then one of them gets no
// answers.
#pragma once

#include <string>
#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::daemon {

struct OtherInterface {
  std::string name;
  net::IpPrefix address;  ///< with host bits
};

/// All addresses of the host's interfaces that are up, but those of `interfaces`. Empty where the kernel does
/// not say.
[[nodiscard]] std::vector<OtherInterface> other_addresses(const std::vector<std::string>& interfaces);

/// One line each: "10.9.0.1/24 is an address of docker0 too, …". Pure. `own`: with host bits.
[[nodiscard]] std::vector<std::string> found_elsewhere(const std::vector<net::IpPrefix>& own,
                                                       const std::vector<OtherInterface>& others);

}  // namespace tunneld::daemon
