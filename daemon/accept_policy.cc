#include "daemon/accept_policy.h"

#include <algorithm>

#include "common/net/address_class.h"

namespace tunneld::daemon {
namespace {

/// Why the route is refused; nullopt if it is taken.
std::optional<std::string> objection(const net::IpPrefix& route, const config::Config& config,
                                     const crypto::PublicKey& server,
                                     const std::vector<net::IpAddress>& endpoints) {
  const config::AcceptConfig& accept = config.client->value.accept;
  if (net::is_default_like(route)) {
    if (!accept.default_route) return "accept.default_route is false";
  } else {
    if (!accept.routes) return "accept.routes is false";
    const auto contains = [&](const auto& allowed) {
      return allowed.value.length <= route.length && allowed.value.contains(route.address);
    };
    if (!accept.routes_within.empty() && std::ranges::none_of(accept.routes_within, contains))
      return "not within accept.routes";
    if (std::ranges::any_of(endpoints, [&](const auto& address) { return route.contains(address); }))
      return "the server itself is in it";
  }
  for (const config::PeerConfig& peer : config.peers) {
    if (peer.public_key.value == server) continue;
    for (const auto& network : peer.allowed_ips) {
      if (network.value == route) return "it is behind peer " + peer.name.value;
    }
  }
  return std::nullopt;
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
    if (accept.addresses) {
      accepted.addresses.push_back(address);
    } else {
      refuse("address " + address.to_string(), "accept.addresses is false");
    }
  }
  for (const net::IpPrefix& route : message.routes) {
    if (const auto why = objection(route, config, server, endpoints)) {
      refuse("route " + route.to_string(), *why);
    } else if (std::ranges::find(accepted.routes, route) == accepted.routes.end()) {
      accepted.routes.push_back(route);
    }
  }
  if (accept.dns) {
    accepted.dns_servers = message.dns_servers;
    accepted.dns_search = message.dns_search;
  } else if (!message.dns_servers.empty() || !message.dns_search.empty()) {
    refuse("DNS", "accept.dns is false");
  }
  if (message.mtu) {
    const bool has_ipv6 =
        std::ranges::any_of(accepted.addresses, [](const auto& each) { return !each.is_v4(); });
    if (!accept.mtu) {
      refuse("mtu " + std::to_string(*message.mtu), "accept.mtu is false");
    } else if (has_ipv6 && *message.mtu < 1280) {
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
