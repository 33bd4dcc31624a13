#include "daemon/host_change.h"

#include <net/if.h>
#include <nlohmann/json.hpp>

namespace tunneld::daemon {
namespace {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::uint32_t index_of(const std::string& interface) {
  const std::uint32_t index = if_nametoindex(interface.c_str());
  if (index == 0)
    throw net::NetlinkError(net::NetlinkError::Reason::kNotFound, interface + ": no such interface");
  return index;
}

net::Route route_of(const RouteAdded& change) {
  return {.destination = change.destination,
          .table = change.table,
          .metric = change.metric,
          .interface_index = index_of(change.interface),
          .protocol = net::kRouteProtocol};
}

std::string route_words(const RouteAdded& change) {
  std::string words = "route " + change.destination.to_string() + " dev " + change.interface;
  if (change.table != 254) words += " table " + std::to_string(change.table);
  if (change.metric) words += " metric " + std::to_string(*change.metric);
  return words;
}

}  // namespace

std::string in_words(const HostChange& change) {
  return std::visit(Overloaded{
                        [](const LinkUp& link) {
                          return "link " + link.interface + " up, mtu " + std::to_string(link.mtu);
                        },
                        [](const AddressAdded& added) {
                          return "address " + added.address.to_string() + " dev " + added.interface;
                        },
                        [](const RouteAdded& added) { return route_words(added); },
                    },
                    change);
}

nlohmann::json to_json(const HostChange& change) {
  return std::visit(
      Overloaded{
          [](const LinkUp& link) {
            return nlohmann::json{{"kind", "link"}, {"interface", link.interface}, {"mtu", link.mtu}};
          },
          [](const AddressAdded& added) {
            return nlohmann::json{
                {"kind", "address"}, {"interface", added.interface}, {"address", added.address.to_string()}};
          },
          [](const RouteAdded& added) {
            nlohmann::json json{{"kind", "route"},
                                {"interface", added.interface},
                                {"destination", added.destination.to_string()},
                                {"table", added.table}};
            if (added.metric) json["metric"] = *added.metric;
            return json;
          },
      },
      change);
}

std::optional<HostChange> from_json(const nlohmann::json& json) {
  try {
    const std::string kind = json.at("kind");
    const std::string interface = json.at("interface");
    if (kind == "link") return LinkUp{interface, json.at("mtu")};
    if (kind == "address") {
      const auto address = net::IpPrefix::parse(json.at("address").get<std::string>());
      if (address) return AddressAdded{interface, *address};
    }
    if (kind == "route") {
      const auto destination = net::IpPrefix::parse(json.at("destination").get<std::string>());
      if (!destination) return std::nullopt;
      RouteAdded route{interface, *destination, json.at("table"), std::nullopt};
      if (json.contains("metric")) route.metric = json["metric"].get<std::uint32_t>();
      return route;
    }
  } catch (const nlohmann::json::exception&) {
    // A torn or foreign line: the caller says so.
  }
  return std::nullopt;
}

void apply(const HostChange& change, net::Netlink& netlink) {
  std::visit(
      Overloaded{
          [&](const LinkUp& link) {
            const std::uint32_t index = index_of(link.interface);
            try {
              netlink.disable_automatic_link_local(index);
            } catch (const net::NetlinkError&) {
              // A host without IPv6 has none to turn off.
            }
            netlink.set_link_up(index, link.mtu);
          },
          [&](const AddressAdded& added) { netlink.add_address(index_of(added.interface), added.address); },
          [&](const RouteAdded& added) { netlink.add_route(route_of(added)); },
      },
      change);
}

void undo(const HostChange& change, net::Netlink& netlink) {
  try {
    std::visit(Overloaded{
                   [](const LinkUp&) {},
                   [&](const AddressAdded& added) {
                     netlink.remove_address(index_of(added.interface), added.address);
                   },
                   [&](const RouteAdded& added) { netlink.remove_route(route_of(added)); },
               },
               change);
  } catch (const net::NetlinkError& error) {
    if (error.reason() != net::NetlinkError::Reason::kNotFound) throw;
  }
}

}  // namespace tunneld::daemon
