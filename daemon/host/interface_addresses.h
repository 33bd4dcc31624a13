// The addresses of this host's other interfaces.
#pragma once

#include <string>
#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::daemon {

struct InterfaceAddress {
  std::string interface;
  /// With host bits, and its network's length.
  net::IpPrefix address;
  bool is_up = true;
};

/// Those of all interfaces but `place`, where the tunnel's addresses are, and `device`, its own. Throws
/// std::system_error where the host cannot be asked, no descriptor being left, for example.
[[nodiscard]] std::vector<InterfaceAddress> interface_addresses(const std::string& place,
                                                                const std::string& device);

}  // namespace tunneld::daemon
