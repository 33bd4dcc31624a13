#include "daemon/host/address_elsewhere.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <optional>

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

#include "common/net/address_class.h"

namespace tunneld::daemon {
namespace {

std::optional<net::IpPrefix> prefix_of(const ifaddrs& entry) {
  const auto address = net::SocketAddress::from_sockaddr(*entry.ifa_addr);
  if (!address) return std::nullopt;
  unsigned length = net::address_bits(address->address.family());
  if (entry.ifa_netmask != nullptr) {
    // A netmask need not carry its family.
    sockaddr_storage mask{};
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(entry.ifa_netmask);
    std::copy_n(bytes, address->address.is_v4() ? 16 : 28, reinterpret_cast<std::uint8_t*>(&mask));
    mask.ss_family = entry.ifa_addr->sa_family;
    const auto* as_address = reinterpret_cast<const sockaddr*>(&mask);
    if (const auto found = net::SocketAddress::from_sockaddr(*as_address);
        found && found->address.family() == address->address.family()) {
      length = 0;
      for (const std::uint8_t byte : found->address.bytes())
        length += static_cast<unsigned>(std::popcount(byte));
    }
  }
  return net::IpPrefix{address->address, static_cast<std::uint8_t>(length)};
}

}  // namespace

std::vector<OtherInterface> other_addresses(const std::vector<std::string>& interfaces) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  std::vector<OtherInterface> others;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    if (std::ranges::find(interfaces, entry->ifa_name) != interfaces.end()) continue;
    const auto prefix = prefix_of(*entry);
    if (!prefix || net::is_link_local(prefix->address)) continue;
    others.push_back({entry->ifa_name, *prefix});
  }
  return others;
}

std::vector<std::string> found_elsewhere(const std::vector<net::IpPrefix>& own,
                                         const std::vector<OtherInterface>& others) {
  std::vector<std::string> lines;
  for (const net::IpPrefix& address : own) {
    for (const OtherInterface& other : others) {
      if (address.address == other.address.address) {
        lines.push_back(address.address.to_string() + " is an address of " + other.name +
                        " too: the host answers for it there as well; choose another one");
      } else if (!address.is_single() && !other.address.is_single() && address.overlaps(other.address)) {
        lines.push_back(address.network().to_string() + " is also the network of " + other.name + " (" +
                        other.address.to_string() +
                        "): hosts there, or peers, cannot be reached; choose another network");
      }
    }
  }
  return lines;
}

}  // namespace tunneld::daemon
