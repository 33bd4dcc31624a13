#include "daemon/host/interface_addresses.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/system_error.h"

namespace tunneld::daemon {
namespace {

std::uint8_t length_of(const sockaddr* mask, const net::IpAddress& address) {
  if (mask == nullptr) return static_cast<std::uint8_t>(net::address_bits(address.family()));
  // A netmask need not carry its family.
  sockaddr_storage whole{};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(mask);
  std::copy_n(bytes, address.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6),
              reinterpret_cast<std::uint8_t*>(&whole));
  whole.ss_family = address.is_v4() ? AF_INET : AF_INET6;
  const auto found = net::SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(whole));
  return found ? length_of_mask(found->address) : std::uint8_t{0};
}

}  // namespace

std::uint8_t length_of_mask(const net::IpAddress& mask) {
  int length = 0;
  for (const std::uint8_t byte : mask.bytes()) length += std::popcount(byte);
  return static_cast<std::uint8_t>(length);
}

std::vector<InterfaceAddress> interface_addresses(const std::string& place, const std::string& device) {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) fail(errno, "cannot read this host's addresses");
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(first, freeifaddrs);
  std::vector<InterfaceAddress> found;
  for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_name == place || each->ifa_name == device) continue;
    const auto address = net::SocketAddress::from_sockaddr(*each->ifa_addr);
    if (!address) continue;
    found.push_back({each->ifa_name,
                     {address->address, length_of(each->ifa_netmask, address->address)},
                     (each->ifa_flags & IFF_UP) != 0});
  }
  return found;
}

}  // namespace tunneld::daemon
