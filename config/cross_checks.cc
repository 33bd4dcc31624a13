#include "config/cross_checks.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "config/suggestion.h"
#include "config/table_names.h"

namespace tunneld::config {
namespace {

constexpr std::uint16_t kSmallestIpv6Mtu = 1280;  // RFC 8200 section 5

/// One peer's claim to something that only one may have.
struct Claim {
  const PeerConfig* peer;
  const Location* at;
};

std::string owner(const Claim& claim) {
  const std::string& name = claim.peer->name.value;
  return (name.empty() ? "another peer" : "peer " + in_quotes(name)) + " (" + to_string(*claim.at) + ")";
}

void check_names(const Config& config, Diagnostics& diagnostics) {
  std::map<std::string_view, Claim> names;
  for (const PeerConfig& peer : config.peers) {
    if (peer.name.value.empty()) continue;
    const auto [first, is_new] = names.try_emplace(peer.name.value, Claim{&peer, &peer.name.at});
    if (is_new) continue;
    diagnostics.error(peer.name.at,
                      "two peers are called " + in_quotes(peer.name.value) + ", the other in " +
                          to_string(*first->second.at),
                      "rename or remove one");
  }
}

void check_keys(const Config& config, Diagnostics& diagnostics) {
  std::map<crypto::PublicKey, Claim> keys;
  for (const PeerConfig& peer : config.peers) {
    if (peer.public_key.value == crypto::PublicKey()) continue;
    const auto [first, is_new] = keys.try_emplace(peer.public_key.value, Claim{&peer, &peer.public_key.at});
    if (is_new) continue;
    diagnostics.error(peer.public_key.at, "this public key already belongs to " + owner(first->second),
                      "every peer needs a key of its own");
  }
}

void check_networks(const Config& config, Diagnostics& diagnostics) {
  std::map<net::IpPrefix, Claim> networks;
  for (const PeerConfig& peer : config.peers) {
    std::vector<Located<net::IpPrefix>> claimed = peer.allowed_ips;
    for (const auto& [address, at] : peer.addresses) {
      claimed.push_back({net::IpPrefix::of(address), at});
    }
    for (std::size_t i = 0; i < claimed.size(); ++i) {
      const bool is_address = i >= peer.allowed_ips.size();
      const net::IpPrefix& network = claimed[i].value;
      const Location& at =
          is_address ? peer.addresses[i - peer.allowed_ips.size()].at : peer.allowed_ips[i].at;
      const auto [first, is_new] = networks.try_emplace(network, Claim{&peer, &at});
      if (is_new) continue;
      if (first->second.peer == &peer) {
        diagnostics.error(at,
                          network.to_string() + " is listed twice in " +
                              (is_address ? "'address' and 'allowed_ips'" : "'allowed_ips'"),
                          "remove one");
      } else {
        diagnostics.error(
            at, network.to_string() + " already belongs to " + owner(first->second),
            "a network can be behind one peer only; give one of them a longer prefix, or remove it");
      }
    }
  }
}

void check_mtu(const Config& config, Diagnostics& diagnostics) {
  if (!config.interface.mtu || *config.interface.mtu >= kSmallestIpv6Mtu) return;
  const auto report = [&](const Located<net::IpPrefix>& prefix) {
    diagnostics.error(
        prefix.at,
        "IPv6 needs an mtu of at least 1280, and 'mtu' is " + std::to_string(*config.interface.mtu),
        "raise 'mtu', or remove " + prefix.value.to_string());
  };
  for (const auto& prefix : config.interface.addresses) {
    if (!prefix.value.address.is_v4()) return report(prefix);
  }
  for (const PeerConfig& peer : config.peers) {
    for (const auto& prefix : peer.allowed_ips) {
      if (!prefix.value.address.is_v4()) return report(prefix);
    }
  }
  if (!config.server) return;
  for (const auto& prefix : config.server->value.pool) {
    if (!prefix.value.address.is_v4()) return report(prefix);
  }
}

/// The network that makes a full tunnel of a family; nullptr where none does.
const Located<net::IpPrefix>* full_tunnel(const Config& config, net::Family family) {
  if (config.routes.table != kMainTable) return nullptr;
  for (const PeerConfig& peer : config.peers) {
    for (const auto& network : peer.allowed_ips) {
      if (network.value.length == 0 && network.value.address.family() == family) return &network;
    }
  }
  return nullptr;
}

/// Outer packets bypass a full tunnel by its rule. Every other route catches them, too.
void check_loops(const Config& config, Diagnostics& diagnostics) {
  if (config.routes.table != kMainTable) return;
  const bool all_v4 = full_tunnel(config, net::Family::kIpv4) != nullptr;
  const bool all_v6 = full_tunnel(config, net::Family::kIpv6) != nullptr;
  for (const PeerConfig& peer : config.peers) {
    for (const auto& [endpoint, endpoint_at] : peer.endpoints) {
      const auto address = endpoint.address();
      if (!address || (address->is_v4() ? all_v4 : all_v6)) continue;
      for (const auto& [network, network_at] : peer.allowed_ips) {
        if (!network.contains(*address)) continue;
        diagnostics.warning(network_at,
                            network.to_string() + " contains the peer's own endpoint " +
                                endpoint.to_string() + ", so its route may lead the tunnel into itself",
                            "use another routing table, 'routes: none', or smaller networks");
        break;
      }
    }
  }
}

void check_roles(const Config& config, Diagnostics& diagnostics) {
  if (!config.server || !config.client) return;
  diagnostics.error(
      config.client->at,
      "a host is a server or a client, not both; 'server' is in " + to_string(config.server->at),
      "remove one of the two, or run two interfaces");
}

/// Options of a server on a host that is not one.
void check_servers_own(const Config& config, Diagnostics& diagnostics) {
  if (config.server) return;
  for (const PeerConfig& peer : config.peers) {
    if (!peer.addresses.empty()) {
      diagnostics.error(peer.addresses.front().at, "'address' is for the clients of a server",
                        "add a section 'server', or list what the peer has in 'allowed_ips'");
    }
    if (peer.push != PushConfig()) {
      diagnostics.error(peer.name.at, "'push' is for the clients of a server", "add a section 'server'");
    }
  }
}

void check_pool(const Config& config, Diagnostics& diagnostics) {
  for (const PeerConfig& peer : config.peers) {
    for (const auto& [address, at] : peer.addresses) {
      for (const auto& own : config.interface.addresses) {
        if (own.value.address != address) continue;
        diagnostics.error(at, address.to_string() + " is the interface's own address",
                          "give the peer another one");
      }
    }
  }
  if (!config.server) return;
  for (const auto& pool : config.server->value.pool) {
    for (const PeerConfig& peer : config.peers) {
      for (const auto& [network, at] : peer.allowed_ips) {
        if (network.length == 0 || network.length > pool.value.length || !network.overlaps(pool.value))
          continue;
        diagnostics.error(at, network.to_string() + " takes the whole pool " + pool.value.to_string(),
                          "leave room for other clients, or make the pool larger");
      }
    }
  }
}

void check_groups(const Config& config, Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const GroupConfig& group : config.groups) names.push_back(group.name.value);
  for (const PeerConfig& peer : config.peers) {
    if (!peer.group || std::ranges::find(names, peer.group->value) != names.end()) continue;
    const auto nearest = suggest(peer.group->value, names);
    diagnostics.error(peer.group->at, "there is no group " + in_quotes(peer.group->value),
                      nearest ? "did you mean " + in_quotes(*nearest) + "?" : "add it to 'groups'");
  }
}

/// Whether anything that a peer may want of this host would be taken.
bool takes_pushes(const Config& config) {
  const AcceptConfig& accept = config.client->value.accept;
  return config.interface.extension != AutoOff::kOff &&
         (accept.addresses || accept.routes || accept.default_route || accept.dns || accept.mtu ||
          accept.keepalive);
}

/// Who may configure this host must be a peer, and must be named if several peers could.
void check_servers(const Config& config, Diagnostics& diagnostics) {
  if (!config.client) return;
  std::vector<std::string> names;
  for (const PeerConfig& peer : config.peers) names.push_back(peer.name.value);
  for (const auto& server : config.client->value.servers) {
    if (std::ranges::find(names, server.value) != names.end()) continue;
    const auto nearest = suggest(server.value, names);
    diagnostics.error(server.at, "there is no peer " + in_quotes(server.value),
                      nearest ? "did you mean " + in_quotes(*nearest) + "?" : "name one of 'peers'");
  }
  const auto may_serve =
      std::ranges::count_if(config.peers, [](const PeerConfig& peer) { return !peer.endpoints.empty(); });
  if (!config.client->value.servers.empty() || may_serve < 2 || !takes_pushes(config)) return;
  diagnostics.error(config.client->at,
                    std::to_string(may_serve) +
                        " peers have endpoints, and 'client.server' does not say which of them may configure "
                        "this host",
                    "add 'server: NAME' to 'client', or a list of names");
}

/// With the kill switch, a name can only be looked up where the resolver is outside of the tunnel.
void check_kill_switch(const Config& config, Diagnostics& diagnostics) {
  if (!config.client || !config.client->value.kill_switch || !config.client->value.local_networks.empty())
    return;
  for (const PeerConfig& peer : config.peers) {
    const auto is_name = [](const auto& endpoint) {
      return !endpoint.value.address() && endpoint.value.host.find(':') == std::string::npos;
    };
    if (peer.endpoints.empty() || !std::ranges::all_of(peer.endpoints, is_name)) continue;
    diagnostics.warning(peer.endpoints.front().at,
                        "the kill switch lets no question to a resolver outside of the tunnel through, so " +
                            in_quotes(peer.endpoints.front().value.host) + " cannot be looked up",
                        "name an address as well, or add the resolver's network to 'local_networks'");
  }
}

void check_full_tunnel(const Config& config, Diagnostics& diagnostics) {
  if (config.client && config.client->value.kill_switch) return;
  const auto* v4 = full_tunnel(config, net::Family::kIpv4);
  const auto* v6 = full_tunnel(config, net::Family::kIpv6);
  if ((v4 == nullptr) == (v6 == nullptr)) return;
  diagnostics.warning((v4 != nullptr ? v4 : v6)->at,
                      std::string("a full tunnel of ") +
                          (v4 != nullptr ? "IPv4 only: IPv6" : "IPv6 only: IPv4") + " passes by it",
                      std::string("add ") + (v4 != nullptr ? "'::/0'" : "'0.0.0.0/0'") +
                          " to 'allowed_ips', or set 'client.kill_switch: true'");
}

/// Of a server's push, to all or to one.
void check_pushed_default(const PushConfig& push, const ForwardingConfig& forwarding,
                          Diagnostics& diagnostics) {
  if (!push.routes) return;
  const Located<net::IpPrefix>* v4 = nullptr;
  const Located<net::IpPrefix>* v6 = nullptr;
  for (const auto& route : *push.routes) {
    if (route.value.length == 0) (route.value.address.is_v4() ? v4 : v6) = &route;
  }
  if (v4 == nullptr && v6 == nullptr) return;
  const Location& at = (v4 != nullptr ? v4 : v6)->at;
  if (!forwarding.enabled) {
    diagnostics.warning(
        at, "clients are told to send everything here, and this host does not forward it",
        "add 'forwarding: { enabled: true, masquerade: eth0 }' to 'server', with the interface "
        "that leads to the Internet");
  }
  if (v4 != nullptr && v6 != nullptr) return;
  diagnostics.warning(at,
                      std::string("a full tunnel of ") +
                          (v4 != nullptr ? "IPv4 only: clients' IPv6" : "IPv6 only: clients' IPv4") +
                          " passes by it",
                      std::string("push ") + (v4 != nullptr ? "'::/0'" : "'0.0.0.0/0'") + ", too");
}

void check_push(const Config& config, Diagnostics& diagnostics) {
  if (!config.server) return;
  const ServerConfig& server = config.server->value;
  check_pushed_default(server.push, server.forwarding, diagnostics);
  // From one client to another, packets pass this host's kernel.
  if (server.client_to_client && !server.forwarding.enabled && config.interface.type == DeviceType::kTun) {
    diagnostics.warning(
        config.server->at, "clients may reach each other, and tunneld does not have this host forward it",
        "add 'forwarding: { enabled: true }', unless something else sets net.ipv4.ip_forward");
  }
  for (const PeerConfig& peer : config.peers) check_pushed_default(peer.push, server.forwarding, diagnostics);
}

}  // namespace

void check_across(const Config& config, Diagnostics& diagnostics) {
  check_names(config, diagnostics);
  check_keys(config, diagnostics);
  check_networks(config, diagnostics);
  check_mtu(config, diagnostics);
  check_loops(config, diagnostics);
  check_full_tunnel(config, diagnostics);
  check_push(config, diagnostics);
  check_roles(config, diagnostics);
  check_servers_own(config, diagnostics);
  check_pool(config, diagnostics);
  check_groups(config, diagnostics);
  check_servers(config, diagnostics);
  check_kill_switch(config, diagnostics);
  check_layer(config, diagnostics);
}

}  // namespace tunneld::config
