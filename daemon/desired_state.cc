#include "daemon/desired_state.h"

#include <algorithm>
#include <utility>

#include "common/protocol/ethernet_message.h"
#include "daemon/push/client_push.h"
#include "daemon/push/server_push.h"

namespace tunneld::daemon {
namespace {

/// The search stops at jumbo frames; the loopback device would allow more.
constexpr std::uint32_t kLargestFound = 9216;

/// Its endpoint is a name that has not been looked up yet.
bool waits_for_its_name(const config::PeerConfig& peer, const Inputs& inputs) {
  const bool has_only_names =
      !peer.endpoints.empty() && std::ranges::none_of(peer.endpoints, [](const auto& endpoint) {
        return endpoint.value.address().has_value();
      });
  return has_only_names && !inputs.surroundings.located.contains(peer.public_key.value);
}

bool holds_full_tunnel(const Inputs& inputs) {
  return std::ranges::any_of(inputs.config->peers, [&](const config::PeerConfig& peer) {
    return waits_for_its_name(peer, inputs) && std::ranges::any_of(peer.allowed_ips, [](const auto& network) {
             return network.value.length == 0;
           });
  });
}

bool holds_dns(const Inputs& inputs) {
  const auto& servers = inputs.config->interface.dns.servers;
  const auto leads_to_one = [&servers](const auto& network) {
    return std::ranges::any_of(servers,
                               [&](const auto& server) { return network.value.contains(server.value); });
  };
  return std::ranges::any_of(inputs.config->peers, [&](const config::PeerConfig& peer) {
    return waits_for_its_name(peer, inputs) && std::ranges::any_of(peer.allowed_ips, leads_to_one);
  });
}

/// By the configuration, or by this client's server.
bool mtu_is_set(const Inputs& inputs) {
  return inputs.config->interface.mtu || inputs.accepted.mtu;
}

/// A device that existed before keeps the settings that the configuration leaves open.
void keep_as_found(const net::Link& found, const config::Config& config, HostPlan& plan) {
  if (!config.interface.mtu) plan.mtu = found.mtu;
  if (!config.interface.mac_address) plan.mac_address.reset();
  plan.link_local_stays = true;
  plan.no_routers = plan.isolates_peers = false;
}

std::vector<config::PeerConfig> peers_of(const Inputs& inputs) {
  const config::Config& config = *inputs.config;
  return config.server   ? peers_with(config, inputs.leases)
         : config.client ? peers_with(config, inputs.accepted)
                         : config.peers;
}

std::vector<DesiredPeer> with_keys(std::vector<config::PeerConfig> peers, const Inputs& inputs) {
  const config::Config& config = *inputs.config;
  const bool isolates = config.server && !config.server->value.client_to_client;
  std::vector<DesiredPeer> result;
  result.reserve(peers.size());
  for (config::PeerConfig& peer : peers) {
    const crypto::PresharedKey* key = config::find_preshared_key(*inputs.preshared_keys, peer);
    const bool is_client = peer.endpoints.empty();
    result.push_back({.config = std::move(peer), .preshared_key = key, .isolated = isolates && is_client});
  }
  return result;
}

HostPlan plan_of(const Inputs& inputs, const std::vector<config::PeerConfig>& peers, bool follows_path) {
  const config::Config& config = *inputs.config;
  HostPlan plan = host_plan(config, inputs.accepted, inputs.public_key);
  // On a server, the peers' addresses include leases, which the configuration does not know.
  if (config.server) plan.access = access_plan(config.groups, peers);
  if (follows_path) plan.mtu = inputs.found_mtu.value_or(plan.mtu);
  plan.connected_networks = inputs.surroundings.connected_networks;
  plan.outer_ports = inputs.surroundings.outer_ports;
  plan.hold_full_tunnel = holds_full_tunnel(inputs);
  plan.hold_dns = holds_dns(inputs);
  if (inputs.surroundings.found_device) keep_as_found(*inputs.surroundings.found_device, config, plan);
  return plan;
}

}  // namespace

bool is_tap(const config::Config& config) {
  return config.interface.type == config::DeviceType::kTap;
}

protocol::SwitchSettings switch_settings(const config::Config& config) {
  const config::SwitchConfig& section = config.ethernet_switch;
  return {.ageing = section.ageing,
          .stations = section.addresses,
          .stations_per_peer = section.addresses_per_peer,
          .client_to_client = section.client_to_client,
          .floods_per_second = section.flood_limit};
}

DesiredState desired_state(const Inputs& inputs) {
  const config::Config& config = *inputs.config;
  DesiredState state;
  // A tap's frames have headers of their own, and everybody on a bridge has to agree on the MTU.
  state.follows_path =
      !inputs.surroundings.found_device && !is_tap(config) && !mtu_is_set(inputs) && config.peers.size() == 1;
  std::vector<config::PeerConfig> peers = peers_of(inputs);
  state.plan = plan_of(inputs, peers, state.follows_path);
  state.changes = changes_of(state.plan);
  state.peers = with_keys(std::move(peers), inputs);
  state.mtu = state.plan.mtu;
  state.mss_clamp = config.interface.mss_clamp;
  // Several peers share one device, whose MTU is the limit for all of them; an MTU that somebody has set is
  // kept. At a tap, larger frames are fragmented outside in any case, and better where the path MTU is known.
  const std::uint32_t around = is_tap(config) ? std::uint32_t{protocol::kEthernetRoom} : 0;
  state.path = {.hold = !mtu_is_set(inputs) || is_tap(config),
                .most = state.follows_path ? kLargestFound : state.mtu + around};
  state.ethernet = switch_settings(config);
  return state;
}

}  // namespace tunneld::daemon
