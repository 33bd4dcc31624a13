#include "daemon/host/address_elsewhere.h"

#include "common/net/address_class.h"

namespace tunneld::daemon {

std::vector<std::string> found_elsewhere(const std::vector<net::IpPrefix>& own,
                                         const std::vector<InterfaceAddress>& others) {
  std::vector<std::string> lines;
  for (const net::IpPrefix& address : own) {
    for (const InterfaceAddress& other : others) {
      if (!other.is_up || net::is_link_local(other.address.address)) continue;
      if (address.address == other.address.address) {
        lines.push_back(address.address.to_string() + " is an address of " + other.interface +
                        " too: the host answers for it there as well; choose another one");
      } else if (!address.is_single() && !other.address.is_single() && address.overlaps(other.address)) {
        lines.push_back(address.network().to_string() + " is also the network of " + other.interface + " (" +
                        other.address.to_string() +
                        "): hosts there, or peers, cannot be reached; choose another network");
      }
    }
  }
  return lines;
}

}  // namespace tunneld::daemon
