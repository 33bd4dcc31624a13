#include "common/net/address_class.h"

#include <algorithm>
#include <array>

namespace tunneld::net {
namespace {

bool within(const IpAddress& address, const char* network) {
  return IpPrefix::parse(network).value().contains(address);
}

}  // namespace

bool is_multicast(const IpAddress& address) {
  return within(address, address.is_v4() ? "224.0.0.0/4" : "ff00::/8");
}

bool is_loopback(const IpAddress& address) {
  return within(address, address.is_v4() ? "127.0.0.0/8" : "::1/128");
}

bool is_host_address(const IpAddress& address) {
  if (address.is_unspecified() || is_multicast(address) || is_loopback(address) || is_link_local(address))
    return false;
  if (address.is_v4()) return !within(address, "0.0.0.0/8") && !within(address, "240.0.0.0/4");
  return !within(address, "::/96") && !within(address, "::ffff:0:0/96");
}

bool is_routable_network(const IpPrefix& network) {
  if (network.has_host_bits()) return false;
  if (network.address.is_unspecified()) return network.length <= 7;  // the default route, or a part of it
  return is_host_address(network.address);
}

bool is_private(const IpPrefix& network) {
  constexpr std::array kPrivate{"10.0.0.0/8",    "172.16.0.0/12",  "192.168.0.0/16",
                                "100.64.0.0/10", "169.254.0.0/16", "fc00::/7"};
  return std::ranges::any_of(kPrivate, [&network](const char* text) {
    const IpPrefix range = IpPrefix::parse(text).value();
    return network.length >= range.length && range.contains(network.address);
  });
}

bool is_for_documentation(const IpAddress& address) {
  constexpr std::array kIpv4{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"};
  if (!address.is_v4()) return within(address, "2001:db8::/32") || within(address, "3fff::/20");
  return std::ranges::any_of(kIpv4, [&address](const char* range) { return within(address, range); });
}

bool is_default_like(const IpPrefix& network) {
  return network.length < (network.address.is_v4() ? 8 : 7);
}

}  // namespace tunneld::net
