// The addresses of this host's other interfaces.
#pragma once

#include <cstdint>
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

/// Leaves out `place`, the interface with the tunnel's addresses, and `device`, the tunnel's own. Throws
/// std::system_error if the host cannot be asked, for example because no descriptor is left.
[[nodiscard]] std::vector<InterfaceAddress> interface_addresses(const std::string& place,
                                                                const std::string& device);

/// The number of bits in a network's mask: of 255.255.0.0, 16.
[[nodiscard]] std::uint8_t length_of_mask(const net::IpAddress& mask);

}  // namespace tunneld::daemon
