#include "daemon/push/accept_policy.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "common/net/address_class.h"
#include "common/net/netlink_types.h"
#include "daemon/host/route_coverage.h"

namespace tunneld::daemon {
namespace {

/// The most pieces that a route is cut into around `local_networks`.
constexpr std::size_t kMostPieces = 256;

/// The peer to which our own configuration gives the route's addresses; null if none, or only by a default
/// route.
const config::PeerConfig* configured_owner(const net::IpPrefix& route, const config::Config& config) {
  const config::PeerConfig* owner = nullptr;
  unsigned longest = 0;
  for (const config::PeerConfig& peer : config.peers) {
    for (const auto& network : peer.allowed_ips) {
      if (net::is_default_like(network.value) || !covers(network.value, route)) continue;
      if (owner != nullptr && network.value.length <= longest) continue;
      owner = &peer;
      longest = network.value.length;
    }
  }
  return owner;
}

/// Whether the file itself takes the addresses of `route` out of the network `connected` for the tunnel.
bool is_named_in(const net::IpPrefix& connected, const net::IpPrefix& route, const config::Config& config) {
  const auto takes_it = [&](const net::IpPrefix& named) {
    return covers(connected, named) && covers(named, route);
  };
  return std::ranges::any_of(
             config.interface.addresses,
             [&](const auto& own) { return !own.value.is_single() && takes_it(own.value.network()); }) ||
         std::ranges::any_of(config.peers, [&](const config::PeerConfig& peer) {
           return std::ranges::any_of(peer.allowed_ips,
                                      [&](const auto& network) { return takes_it(network.value); });
         });
}

/// Why what is in a network of this host's stays there; nullopt if it is in none. A larger network takes
/// nothing away: the host's own is the more specific one.
std::optional<std::string> objection_of_neighbours(const net::IpPrefix& wanted, const config::Config& config,
                                                   const HostNetworks& host) {
  if (config.routes.table != net::kMainTable || net::is_default_like(wanted)) return std::nullopt;
  for (const HostNetworks::Connected& other : host.connected) {
    const net::IpPrefix network = other.address.network();
    if (!covers(network, wanted) || is_named_in(network, wanted, config)) continue;
    return "this host is connected to " + (network == wanted ? "it" : network.to_string()) + " by " +
           other.interface;
  }
  for (const net::IpAddress& gateway : host.gateways) {
    if (wanted == net::IpPrefix::of(gateway)) return "it is this host's gateway";
  }
  return std::nullopt;
}

/// Why a route cannot be taken on this host; nullopt if it can.
std::optional<std::string> host_objection(const net::IpPrefix& route, const config::Config& config,
                                          const HostNetworks& host) {
  if (!route.address.is_v4() && !host.has_ipv6) return "IPv6 is off on this host";
  return objection_of_neighbours(route, config, host);
}

/// Whether nothing of the family stays outside of the tunnel, not even the host's own networks.
bool takes_neighbours(const AcceptedConfig& accepted, const config::Config& config, net::Family family) {
  const auto is_all = [family](const net::IpPrefix& network) {
    return network.length == 0 && network.address.family() == family;
  };
  return config.client->value.kill_switch && config.routes.table == net::kMainTable &&
         (std::ranges::any_of(accepted.routes, is_all) ||
          std::ranges::any_of(config.peers, [&](const config::PeerConfig& peer) {
            return std::ranges::any_of(peer.allowed_ips,
                                       [&](const auto& network) { return is_all(network.value); });
          }));
}

/// Why a name server is refused, beside `accept.dns`; nullopt if it is accepted. `accepted`: with its routes.
std::optional<std::string> name_server_objection(const net::IpAddress& server, const config::Config& config,
                                                 const AcceptedConfig& accepted, const HostNetworks& host) {
  if (std::ranges::any_of(config.client->value.local_networks,
                          [&](const auto& local) { return local.value.contains(server); }))
    return "it is in 'local_networks'";
  if (takes_neighbours(accepted, config, server.family())) return std::nullopt;
  return objection_of_neighbours(net::IpPrefix::of(server), config, host);
}

/// Why the route is refused; nullopt if it is accepted.
std::optional<std::string> objection(const net::IpPrefix& route, const config::Config& config,
                                     const crypto::PublicKey& server,
                                     const std::vector<net::IpAddress>& endpoints, const HostNetworks& host) {
  const config::AcceptConfig& accept = config.client->value.accept;
  const bool leads_to_ipv4 = is_nat64(route) && amounts_to_default({route}, net::Family::kIpv6);
  if (net::is_default_like(route) || leads_to_ipv4) {
    if (!accept.default_route) return "accept.default_route is false";
  } else {
    if (!accept.routes) return "accept.routes is false";
    const auto contains = [&](const auto& allowed) { return covers(allowed.value, route); };
    if (!accept.routes_within.empty() && std::ranges::none_of(accept.routes_within, contains))
      return "not within accept.routes";
    // It may be accepted as a piece of a default route; if it turns out not to be one, it is checked again.
    if (!accept.default_route &&
        std::ranges::any_of(endpoints, [&](const auto& address) { return route.contains(address); }))
      return "the server itself is in it";
  }
  if (std::ranges::any_of(config.client->value.local_networks,
                          [&](const auto& local) { return covers(local.value, route); }))
    return "it is in 'local_networks'";
  const config::PeerConfig* owner = configured_owner(route, config);
  if (owner != nullptr && owner->public_key.value != server) return "it is behind peer " + owner->name.value;
  for (const config::PeerConfig& peer : config.peers) {
    if (peer.public_key.value == server) continue;
    for (const auto& network : peer.allowed_ips) {
      if (network.value == route) return "it is behind peer " + peer.name.value;
    }
  }
  return host_objection(route, config, host);
}

/// Why the address is refused; nullopt if it is accepted.
std::optional<std::string> objection(const net::IpAddress& address, const config::ClientConfig& client,
                                     const std::vector<net::IpAddress>& endpoints, const HostNetworks& host) {
  if (!client.accept.addresses) return "accept.addresses is false";
  if (std::ranges::find(endpoints, address) != endpoints.end()) return "it is a server's own";
  if (std::ranges::any_of(client.local_networks,
                          [&](const auto& local) { return local.value.contains(address); }))
    return "it is in 'local_networks'";
  if (!address.is_v4() && !host.has_ipv6) return "IPv6 is off on this host";
  // We would answer ARP for it there, and it may be a neighbour's or the gateway's.
  for (const HostNetworks::Connected& other : host.connected) {
    if (other.address.contains(address)) return "this host is connected to its network by " + other.interface;
  }
  if (std::ranges::find(host.gateways, address) != host.gateways.end()) return "it is this host's gateway";
  return std::nullopt;
}

/// The route without the networks that stay local; empty if that needs too many pieces.
std::vector<net::IpPrefix> around_local_networks(const net::IpPrefix& route,
                                                 const config::ClientConfig& client) {
  std::vector<net::IpPrefix> pieces{route};
  // The host's plan keeps them out of a default route, in whatever table.
  if (route.length == 0) return pieces;
  for (const auto& local : client.local_networks) {
    pieces = without(pieces, local.value);
    if (pieces.size() > kMostPieces) return {};
  }
  return pieces;
}

/// A default route in pieces is treated as a default route: a table and a rule of its own, and allowed by the
/// kill switch. The server's allowed IPs in our own configuration count, too. What lists of pieces leave out,
/// the server itself and the client's own networks, stays outside of a default route anyway.
void unite_default_routes(const config::Config& config, const crypto::PublicKey& server,
                          const std::vector<net::IpAddress>& endpoints, const HostNetworks& host,
                          std::vector<net::IpPrefix>& routes) {
  std::vector<net::IpPrefix> all = routes;
  for (const net::IpAddress& endpoint : endpoints) all.push_back(net::IpPrefix::of(endpoint));
  for (const auto& local : config.client->value.local_networks) all.push_back(local.value);
  for (const HostNetworks::Connected& other : host.connected) all.push_back(other.address.network());
  for (const config::PeerConfig& peer : config.peers) {
    if (peer.public_key.value != server) continue;
    for (const auto& network : peer.allowed_ips) all.push_back(network.value);
  }
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
    const auto is_piece = [family](const net::IpPrefix& route) {
      return route.address.family() == family && !net::is_private(route);
    };
    if (std::ranges::none_of(routes, is_piece) || !takes_whole(all, family)) continue;
    std::erase_if(routes, is_piece);
    routes.push_back({net::IpAddress::unspecified(family), 0});
  }
}

/// Whether the interface can carry IPv6: not with an MTU below IPv6's minimum.
bool carries_ipv6(const AcceptedConfig& accepted, const config::Config& config) {
  const auto is_v6 = [](const net::IpPrefix& prefix) { return !prefix.address.is_v4(); };
  const auto is_v6_there = [&](const auto& located) { return is_v6(located.value); };
  return std::ranges::any_of(accepted.addresses, [](const auto& address) { return !address.is_v4(); }) ||
         std::ranges::any_of(accepted.routes, is_v6) ||
         std::ranges::any_of(config.interface.addresses, is_v6_there) ||
         std::ranges::any_of(config.peers, [&](const config::PeerConfig& peer) {
           return std::ranges::any_of(peer.allowed_ips, is_v6_there);
         });
}

}  // namespace

Acceptance decide(const protocol::ConfigMessage& message, const config::Config& config,
                  const crypto::PublicKey& server, const std::vector<net::IpAddress>& endpoints,
                  const HostNetworks& host) {
  const config::AcceptConfig& accept = config.client->value.accept;
  Acceptance result;
  AcceptedConfig& accepted = result.accepted;
  accepted.server = server;
  const auto refuse = [&result](const std::string& what, const std::string& why) {
    result.refused.push_back(what + " (" + why + ")");
  };

  for (const net::IpAddress& address : message.addresses) {
    if (const auto why = objection(address, config.client->value, endpoints, host)) {
      refuse("address " + address.to_string(), *why);
    } else {
      accepted.addresses.push_back(address);
    }
  }
  // Before a piece is looked at by itself: it may be too small for accept.default_route alone.
  std::vector<net::IpPrefix> pushed = message.routes;
  if (accept.default_route) unite_default_routes(config, server, endpoints, host, pushed);
  for (const net::IpPrefix& route : pushed) {
    if (const auto why = objection(route, config, server, endpoints, host)) {
      refuse("route " + route.to_string(), *why);
    } else if (std::ranges::find(accepted.routes, route) == accepted.routes.end()) {
      accepted.routes.push_back(route);
    }
  }
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
    if (accept.default_route || !accept.routes_within.empty() || !amounts_to_default(accepted.routes, family))
      continue;
    std::erase_if(accepted.routes, [&](const net::IpPrefix& route) {
      if (net::is_private(route) || (route.address.family() != family && !is_nat64(route))) return false;
      refuse("route " + route.to_string(), "with others it amounts to a default route");
      return true;
    });
  }
  std::vector<net::IpPrefix> routes;
  for (const net::IpPrefix& route : accepted.routes) {
    const std::vector<net::IpPrefix> pieces = around_local_networks(route, config.client->value);
    const bool is_loop = route.length != 0 && std::ranges::any_of(endpoints, [&](const auto& address) {
                           return route.contains(address);
                         });
    if (pieces.empty()) {
      refuse("route " + route.to_string(), "it holds too many of 'local_networks'");
    } else if (is_loop) {
      refuse("route " + route.to_string(), "the server itself is in it");
    } else {
      if (pieces.size() > 1) refuse("a part of route " + route.to_string(), "it is in 'local_networks'");
      std::ranges::copy(pieces, std::back_inserter(routes));
    }
  }
  accepted.routes = std::move(routes);
  if (accept.dns) {
    for (const net::IpAddress& address : message.dns_servers) {
      if (const auto why = name_server_objection(address, config, accepted, host)) {
        refuse("name server " + address.to_string(), *why);
      } else {
        accepted.dns_servers.push_back(address);
      }
    }
    accepted.dns_search = message.dns_search;
  } else if (!message.dns_servers.empty() || !message.dns_search.empty()) {
    refuse("DNS", "accept.dns is false");
  }
  if (message.mtu) {
    if (!accept.mtu) {
      refuse("mtu " + std::to_string(*message.mtu), "accept.mtu is false");
    } else if (*message.mtu < 1280 && carries_ipv6(accepted, config)) {
      refuse("mtu " + std::to_string(*message.mtu), "IPv6 needs 1280");
    } else if (!config.interface.mtu) {
      accepted.mtu = *message.mtu;
    }
  }
  if (message.keepalive) {
    if (accept.keepalive) {
      accepted.keepalive = std::chrono::seconds(*message.keepalive);
    } else {
      refuse("keepalive " + std::to_string(*message.keepalive) + "s", "accept.keepalive is false");
    }
  }
  return result;
}

}  // namespace tunneld::daemon
