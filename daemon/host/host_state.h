// The kernel's tables at one moment, for a comparison with our changes.
//
// Each table is read at most once, and only if it is needed: a host may have 10,000 of our routes, and each
// report of a change leads to a comparison.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "common/net/netlink.h"
#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// All methods throw NetlinkError if the kernel cannot be asked.
class HostState {
 public:
  explicit HostState(net::Netlink& netlink) : netlink_(netlink) {}

  /// nullopt if no link has this name and index.
  [[nodiscard]] const std::optional<net::Link>& link(const Interface& interface);
  [[nodiscard]] bool has_address(std::uint32_t interface_index, const net::IpPrefix& address);
  /// A route with the same destination, table, metric and interface, whoever made it.
  [[nodiscard]] bool has_route(const net::Route& route);
  [[nodiscard]] bool has_rule(const net::Rule& rule);

 private:
  using RouteKey = std::tuple<net::IpPrefix, std::uint32_t /*table*/, std::uint32_t /*metric*/>;
  static RouteKey key_of(const net::Route& route);

  net::Netlink& netlink_;
  std::map<std::uint32_t, std::optional<net::Link>> links_;
  std::map<std::uint32_t, std::set<net::IpPrefix>> addresses_;
  /// By family and interface.
  std::map<std::pair<net::Family, std::uint32_t>, std::set<RouteKey>> routes_;
  std::map<net::Family, std::vector<net::Rule>> rules_;
};

}  // namespace tunneld::daemon
