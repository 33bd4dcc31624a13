#include "daemon/host/host_state.h"

#include <algorithm>

namespace tunneld::daemon {
namespace {

/// The metric that the kernel gives a route without one: none with IPv4, IP6_RT_PRIO_USER with IPv6
/// (linux/ipv6_route.h).
constexpr std::uint32_t default_metric(net::Family family) {
  return family == net::Family::kIpv4 ? 0 : 1024;
}

}  // namespace

const std::optional<net::Link>& HostState::link(const Interface& interface) {
  const auto [place, is_new] = links_.try_emplace(interface.index);
  if (is_new) {
    try {
      net::Link found = netlink_.link(interface.index);
      if (found.name == interface.name) place->second = std::move(found);
    } catch (const net::NetlinkError& error) {
      if (error.reason() != net::NetlinkError::Reason::kNotFound) throw;
    }
  }
  return place->second;
}

bool HostState::has_address(std::uint32_t interface_index, const net::IpPrefix& address) {
  const auto [place, is_new] = addresses_.try_emplace(interface_index);
  if (is_new) {
    for (const auto& present : netlink_.addresses(interface_index)) place->second.insert(present.address);
  }
  return place->second.contains(address);
}

HostState::RouteKey HostState::key_of(const net::Route& route) {
  const net::Family family = route.destination.address.family();
  return {route.destination, route.table, route.metric.value_or(default_metric(family))};
}

bool HostState::has_route(const net::Route& route) {
  const net::Family family = route.destination.address.family();
  const auto [place, is_new] = routes_.try_emplace({family, route.interface_index});
  if (is_new) {
    for (const auto& present : netlink_.routes({.family = family, .interface_index = route.interface_index}))
      place->second.insert(key_of(present));
  }
  return place->second.contains(key_of(route));
}

bool HostState::has_rule(const net::Rule& rule) {
  const auto [place, is_new] = rules_.try_emplace(rule.family);
  if (is_new) place->second = netlink_.rules(rule.family);
  return std::ranges::find(place->second, rule) != place->second.end();
}

}  // namespace tunneld::daemon
