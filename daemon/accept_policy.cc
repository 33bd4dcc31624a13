#include "daemon/accept_policy.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/net/address_class.h"

namespace tunneld::daemon {
namespace {

/// Without `accept.default_route`, all public networks of a family together may be this share of it: a /6 of
/// IPv4, a /16 of IPv6, of which the registries have a few /12 in use.
constexpr int kMostPublicIpv4 = 6;
constexpr int kMostPublicIpv6 = 16;

bool covers(const net::IpPrefix& network, const net::IpPrefix& other) {
  return network.length <= other.length && network.contains(other.address);
}

bool is_private(const net::IpPrefix& network) {
  constexpr std::array kPrivate{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"};
  return std::ranges::any_of(
      kPrivate, [&network](const char* text) { return covers(net::IpPrefix::parse(text).value(), network); });
}

/// Whose the route's addresses are by our own configuration; null where nobody's, or only as a default route.
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

/// Why the route is refused; nullopt if it is taken.
std::optional<std::string> objection(const net::IpPrefix& route, const config::Config& config,
                                     const crypto::PublicKey& server,
                                     const std::vector<net::IpAddress>& endpoints) {
  const config::AcceptConfig& accept = config.client->value.accept;
  if (net::is_default_like(route)) {
    if (!accept.default_route) return "accept.default_route is false";
  } else {
    if (!accept.routes) return "accept.routes is false";
    const auto contains = [&](const auto& allowed) { return covers(allowed.value, route); };
    if (!accept.routes_within.empty() && std::ranges::none_of(accept.routes_within, contains))
      return "not within accept.routes";
    if (std::ranges::any_of(endpoints, [&](const auto& address) { return route.contains(address); }))
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
  return std::nullopt;
}

/// Whether the public networks of a family among `routes` come near to a default route in pieces.
bool is_default_in_pieces(const std::vector<net::IpPrefix>& routes, net::Family family) {
  double share = 0;
  for (const net::IpPrefix& route : routes) {
    if (route.address.family() != family || is_private(route)) continue;
    const bool counted = std::ranges::any_of(
        routes, [&](const net::IpPrefix& other) { return other != route && covers(other, route); });
    if (!counted) share += std::ldexp(1.0, -static_cast<int>(route.length));
  }
  return share > std::ldexp(1.0, family == net::Family::kIpv4 ? -kMostPublicIpv4 : -kMostPublicIpv6);
}

/// Why the address cannot be ours; nullopt if it can.
std::optional<std::string> objection(const net::IpAddress& address, const config::ClientConfig& client,
                                     const std::vector<net::IpAddress>& endpoints) {
  if (!client.accept.addresses) return "accept.addresses is false";
  if (std::ranges::find(endpoints, address) != endpoints.end()) return "it is a server's own";
  if (std::ranges::any_of(client.local_networks,
                          [&](const auto& local) { return local.value.contains(address); }))
    return "it is in 'local_networks'";
  return std::nullopt;
}

/// Whether IPv6 passes the interface, which ends with an MTU that is too small for it.
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
                  const crypto::PublicKey& server, const std::vector<net::IpAddress>& endpoints) {
  const config::AcceptConfig& accept = config.client->value.accept;
  Acceptance result;
  AcceptedConfig& accepted = result.accepted;
  accepted.server = server;
  const auto refuse = [&result](const std::string& what, const std::string& why) {
    result.refused.push_back(what + " (" + why + ")");
  };

  for (const net::IpAddress& address : message.addresses) {
    if (const auto why = objection(address, config.client->value, endpoints)) {
      refuse("address " + address.to_string(), *why);
    } else {
      accepted.addresses.push_back(address);
    }
  }
  for (const net::IpPrefix& route : message.routes) {
    if (const auto why = objection(route, config, server, endpoints)) {
      refuse("route " + route.to_string(), *why);
    } else if (std::ranges::find(accepted.routes, route) == accepted.routes.end()) {
      accepted.routes.push_back(route);
    }
  }
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
    if (accept.default_route || !accept.routes_within.empty() ||
        !is_default_in_pieces(accepted.routes, family))
      continue;
    std::erase_if(accepted.routes, [&](const net::IpPrefix& route) {
      if (route.address.family() != family || is_private(route)) return false;
      refuse("route " + route.to_string(), "with others it amounts to a default route");
      return true;
    });
  }
  if (accept.dns) {
    accepted.dns_servers = message.dns_servers;
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
