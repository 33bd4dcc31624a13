#include "daemon/host/changes/route.h"

#include <algorithm>

#include <net/if.h>

#include "daemon/host/host_state.h"

namespace tunneld::daemon {
namespace {

/// The route that is in the way of `wanted`, as `ip route` shows it.
std::string other_route(const net::Route& wanted, net::Netlink& netlink) {
  const net::RouteFilter filter{.family = wanted.destination.address.family(), .table = wanted.table};
  for (const net::Route& route : netlink.routes(filter)) {
    if (route.destination != wanted.destination || (wanted.metric && route.metric != wanted.metric)) continue;
    char name[IF_NAMESIZE] = "";
    std::string words = route.destination.to_string();
    if (if_indextoname(route.interface_index, name) != nullptr) words += std::string(" dev ") + name;
    return words + " proto " + std::to_string(route.protocol);
  }
  return "it is gone again";
}

/// In the syntax of ip-route(8).
std::string route_words(const RouteAdded& added) {
  std::string words = added.destination.to_string() + " dev " + added.interface.name;
  if (added.table != net::kMainTable) words += " table " + std::to_string(added.table);
  if (added.metric) words += " metric " + std::to_string(*added.metric);
  return words;
}

net::Route route_of(const RouteAdded& added) {
  return {.destination = added.destination,
          .table = added.table,
          .metric = added.metric,
          .interface_index = added.interface.index,
          .protocol = net::kRouteProtocol};
}

}  // namespace

std::string RouteAdded::in_words() const {
  return "route " + route_words(*this);
}

std::string RouteAdded::command() const {
  return "ip route add " + route_words(*this);
}

Json RouteAdded::to_json() const {
  Json object = interface.to_json();
  object["destination"] = destination.to_string();
  object["table"] = table;
  put_optional(object, "metric", metric);
  return object;
}

std::optional<RouteAdded> RouteAdded::from_json(const Json& json) {
  const auto destination = net::IpPrefix::parse(json.at("destination").get<std::string>());
  if (!destination) return std::nullopt;
  return RouteAdded{.interface = Interface::from_json(json),
                    .destination = *destination,
                    .table = json.at("table"),
                    .metric = get_optional<std::uint32_t>(json, "metric")};
}

Preparation RouteAdded::prepare(net::Netlink&) {
  interface.look_up();
  return Preparation::kReady;
}

bool RouteAdded::is_there(net::Netlink& netlink) const {
  const net::RouteFilter filter{
      .family = destination.address.family(), .table = table, .interface_index = interface.index};
  return std::ranges::any_of(netlink.routes(filter), [this](const net::Route& route) {
    return route.destination == destination && (!metric || route.metric == metric);
  });
}

void RouteAdded::apply(net::Netlink& netlink) const {
  using Reason = net::NetlinkError::Reason;
  const net::Route route = route_of(*this);
  try {
    netlink.add_route(route);
  } catch (const net::NetlinkError& error) {
    if (error.reason() != Reason::kExists) throw;
    throw net::NetlinkError(Reason::kExists,
                            "the host has a route to " + destination.to_string() + " already (" +
                                other_route(route, netlink) +
                                "): remove it, or choose another metric or table in 'routes'");
  }
}

Undone RouteAdded::undo(net::Netlink& netlink) const {
  if (!interface.is_there()) return Undone::kDeviceGone;
  return remove_ours([&] { netlink.remove_route(route_of(*this)); });
}

Standing RouteAdded::standing(HostState& now) const {
  if (!now.link(interface)) return Standing::kNoDevice;
  // It does not matter who made the route.
  return standing_if(now.has_route(route_of(*this)));
}

}  // namespace tunneld::daemon
