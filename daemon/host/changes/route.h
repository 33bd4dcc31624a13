// A route out of an interface, without a gateway. It has our protocol number (net::kRouteProtocol), and is
// removed only if it still has that number.
#pragma once

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

struct RouteAdded {
  Interface interface;
  net::IpPrefix destination;
  std::uint32_t table = net::kMainTable;
  std::optional<std::uint32_t> metric = std::nullopt;
  bool operator==(const RouteAdded&) const = default;

  static constexpr std::string_view kName = "route";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<RouteAdded> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] Standing standing(HostState& now) const;
  /// If no metric is wished for, a route with any metric counts.
  [[nodiscard]] bool is_there(net::Netlink& netlink) const;
  [[nodiscard]] std::string command() const;
};

}  // namespace tunneld::daemon
