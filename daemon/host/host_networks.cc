#include "daemon/host/host_networks.h"

#include <array>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include <net/route.h>

#include "common/net/address_class.h"
#include "daemon/host/changes/sysctl.h"
#include "daemon/host/interface_addresses.h"

namespace tunneld::daemon {
namespace {

constexpr std::uint64_t kAnycast = 0x00100000;  ///< linux/ipv6_route.h: RTF_ANYCAST

bool matters(const net::IpAddress& address) {
  return net::is_host_address(address);
}

/// A route without a gateway leads to neighbours, but not one for half of the Internet, as other tunnels and
/// serial lines have it.
void add_route(const std::string& interface, const net::IpPrefix& destination, HostNetworks& host) {
  if (matters(destination.address) && !net::is_default_like(destination))
    host.connected.push_back({interface, destination});
}

/// Not open if the kernel lacks the family.
std::ifstream open_table(const char* path) {
  errno = 0;
  std::ifstream file(path);
  if (!file.is_open() && errno != ENOENT) throw std::system_error(errno, std::generic_category(), path);
  return file;
}

/// /proc has addresses in hexadecimal, for IPv4 in the byte order of memory.
net::IpAddress ipv4_of(const std::string& word) {
  const auto number = static_cast<std::uint32_t>(std::strtoul(word.c_str(), nullptr, 16));
  return net::IpAddress::v4(std::bit_cast<std::array<std::uint8_t, 4>>(number));
}

net::IpAddress ipv6_of(const std::string& word) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size() && 2 * i + 1 < word.size(); ++i)
    bytes.at(i) = static_cast<std::uint8_t>(std::strtoul(word.substr(2 * i, 2).c_str(), nullptr, 16));
  return net::IpAddress::v6(bytes);
}

void read_ipv4_routes(const std::string& place, const std::string& device, HostNetworks& host) {
  std::ifstream file = open_table("/proc/net/route");
  std::string line;
  std::getline(file, line);  // the headings
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string interface, destination, gateway, flags, skipped, mask;
    words >> interface >> destination >> gateway >> flags >> skipped >> skipped >> skipped >> mask;
    if (!words || interface == device || interface == "*") continue;
    if ((std::strtoul(flags.c_str(), nullptr, 16) & RTF_GATEWAY) != 0) {
      host.gateways.push_back(ipv4_of(gateway));
    } else if (interface != place) {
      add_route(interface, {ipv4_of(destination), length_of_mask(ipv4_of(mask))}, host);
    }
  }
}

/// Reads the routes of all tables, because this file does not name the table.
void read_ipv6_routes(const std::string& place, const std::string& device, HostNetworks& host) {
  std::ifstream file = open_table("/proc/net/ipv6_route");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string destination, length, skipped, next_hop, flag_word, interface;
    words >> destination >> length >> skipped >> skipped >> next_hop >> skipped >> skipped >> skipped >>
        flag_word >> interface;
    if (!words || interface == device) continue;
    const std::uint64_t flags = std::strtoul(flag_word.c_str(), nullptr, 16);
    if ((flags & RTF_GATEWAY) != 0) {
      host.gateways.push_back(ipv6_of(next_hop));
    } else if (interface != place && (flags & (RTF_LOCAL | RTF_REJECT | kAnycast)) == 0) {
      const auto bits = static_cast<std::uint8_t>(std::strtoul(length.c_str(), nullptr, 16));
      add_route(interface, {ipv6_of(destination), bits}, host);
    }
  }
}

bool takes_ipv6(const std::string& place) {
  try {
    return read_sysctl("net/ipv6/conf/" + place + "/disable_ipv6") == "0";
  } catch (const std::system_error&) {
    return true;
  }
}

}  // namespace

HostNetworks host_networks(const std::string& place, const std::string& device) {
  HostNetworks host;
  for (const InterfaceAddress& each : interface_addresses(place, device)) {
    if (matters(each.address.address)) host.connected.push_back({each.interface, each.address});
  }
  read_ipv4_routes(place, device, host);
  read_ipv6_routes(place, device, host);
  host.has_ipv6 = takes_ipv6(place);
  return host;
}

}  // namespace tunneld::daemon
