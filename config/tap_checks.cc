// What only a tap needs or may have, across all sections.

#include <map>

#include "config/cross_checks.h"

namespace tunneld::config {
namespace {

/// 65475 bytes of plaintext, less the head of an ETHERNET message, an Ethernet header and a VLAN tag.
constexpr std::uint16_t kLargestTapMtu = 65451;

void check_tap(const Config& config, Diagnostics& diagnostics) {
  const InterfaceConfig& interface = config.interface;
  for (const PeerConfig& peer : config.peers) {
    for (const auto& network : peer.allowed_ips) {
      diagnostics.error(network.at,
                        "'allowed_ips' are for a tun: a tap finds out by itself which addresses a peer has",
                        "remove it, bind the peer to its 'mac_addresses' if you want to, or use 'type: tun'");
    }
    // Access rules recognise a peer by its source address, and in a frame a peer can write any.
    if (peer.group || peer.allow) {
      diagnostics.error(
          peer.group ? peer.group->at : peer.name.at,
          "'group' and 'allow' are for a tun: nothing binds a peer of a tap to its IP addresses",
          "remove them and restrict the tap with the host's own firewall, or use 'type: tun'");
    }
  }
  if (interface.extension == AutoOff::kOff) {
    diagnostics.error(interface.name.at, "a tap needs the extension, and 'extension' is off",
                      "remove 'extension: off', or use 'type: tun'");
  }
  if (interface.mtu.value_or(0) > kLargestTapMtu) {
    diagnostics.error(interface.name.at,
                      "an mtu of " + std::to_string(*interface.mtu) + " leaves no room for Ethernet headers",
                      "at a tap it is at most " + std::to_string(kLargestTapMtu));
  }
  std::map<net::MacAddress, const Located<net::MacAddress>*> seen;
  for (const PeerConfig& peer : config.peers) {
    for (const auto& address : peer.mac_addresses) {
      const auto [first, is_new] = seen.try_emplace(address.value, &address);
      if (is_new) continue;
      diagnostics.error(
          address.at,
          address.value.to_string() + " is bound to a peer already, in " + to_string(first->second->at),
          "a station can be at one peer only; remove one");
    }
  }
}

void check_bridge(const Config& config, Diagnostics& diagnostics) {
  const InterfaceConfig& interface = config.interface;
  if (!interface.bridge) return;
  const BridgeConfig& bridge = *interface.bridge;
  if (bridge.name.value == interface.name.value) {
    diagnostics.error(bridge.name.at, "the bridge has the interface's own name",
                      "give one of them another name, like br0");
  }
  for (const auto& member : bridge.members) {
    if (member.value != interface.name.value && member.value != bridge.name.value) continue;
    diagnostics.error(member.at, in_quotes(member.value) + " cannot be a member of the bridge",
                      "remove it: the tap is a port of its bridge anyway");
  }
  // Addresses in the bridge's own network are reached through the bridge.
  for (const PeerConfig& peer : config.peers) {
    for (const auto& [endpoint, at] : peer.endpoints) {
      const auto address = endpoint.address();
      if (!address) continue;
      for (const auto& own : interface.addresses) {
        if (!own.value.contains(*address)) continue;
        diagnostics.error(at,
                          endpoint.to_string() + " is in " + own.value.network().to_string() +
                              ", the network of " + bridge.name.value +
                              ": the tunnel would run through its own bridge",
                          "name an endpoint that is reached by another interface");
      }
    }
  }
  if (config.client && config.client->value.kill_switch) {
    diagnostics.error(config.client->at, "the kill switch does not see what passes through a bridge",
                      "remove 'kill_switch' or 'bridge'");
  }
}

void check_tun(const Config& config, Diagnostics& diagnostics) {
  const auto only_tap = [&](const Location& at, std::string_view what) {
    diagnostics.error(at, in_quotes(what) + " is for a tap, and this is a tun",
                      "set 'type: tap' in 'interface', or remove it");
  };
  if (config.interface.mac_address) only_tap(config.interface.mac_address->at, "mac_address");
  // Without a name it has no place, and its name is asked for already.
  if (config.interface.bridge && config.interface.bridge->name.at.file)
    only_tap(config.interface.bridge->name.at, "bridge");
  for (const PeerConfig& peer : config.peers) {
    if (!peer.mac_addresses.empty()) only_tap(peer.mac_addresses.front().at, "mac_addresses");
  }
}

}  // namespace

void check_layer(const Config& config, Diagnostics& diagnostics) {
  if (config.interface.type == DeviceType::kTap) {
    check_tap(config, diagnostics);
    check_bridge(config, diagnostics);
  } else {
    check_tun(config, diagnostics);
  }
}

}  // namespace tunneld::config
