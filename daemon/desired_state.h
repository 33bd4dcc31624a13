// The desired state of host and tunnel as one value, and the pure function that computes it.
//
// A start, a reload, a lease, a push, a new path MTU, another network and the end of a hold each change an Inputs
// and pass it to Daemon::become(). Nothing else decides what is wanted.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "common/crypto/keys.h"
#include "common/net/netlink.h"
#include "common/protocol/ethernet_switch.h"
#include "common/protocol/peer/peer_path.h"
#include "config/config.h"
#include "config/load_keys.h"
#include "daemon/desired_peer.h"
#include "daemon/host/accepted_config.h"
#include "daemon/host/host_plan.h"
#include "daemon/push/address_pool.h"

namespace tunneld::daemon {

/// Everything that decides what is wanted.
struct Inputs {
  std::shared_ptr<const config::Config> config;
  std::shared_ptr<const config::PresharedKeys> preshared_keys;
  crypto::PublicKey public_key;
  /// On a server: the addresses that it has leased to its clients.
  Leases leases;
  /// On a client: what it has accepted from its server.
  AcceptedConfig accepted;
  /// The path MTU of a single peer, where it is known.
  std::optional<std::uint32_t> found_mtu;

  /// The state of the host apart from the tunnel.
  struct Surroundings {
    /// The peers with a known address. A name that has not been looked up yet does not count.
    std::set<crypto::PublicKey> located;
    /// The networks that other interfaces are connected to.
    std::vector<net::IpPrefix> connected_networks;
    /// The ports of our sockets.
    std::vector<std::uint16_t> outer_ports;
    /// The device as it was found; nullopt if we may configure it.
    std::optional<net::Link> found_device;
  };
  Surroundings surroundings;
};

struct DesiredState {
  HostPlan plan;
  /// In the order in which they have to be made.
  std::vector<HostChange> changes;
  std::vector<DesiredPeer> peers;
  /// Inner bytes: the limit of the device, and of the search for path MTUs.
  std::uint32_t mtu = 0;
  std::uint32_t mss_clamp = 0;
  protocol::PathPolicy path;
  /// The device's MTU follows the path MTU of a single peer.
  bool follows_path = false;
  /// Taps only.
  protocol::SwitchSettings ethernet;
};

/// Pure. The result's preshared keys are those of `inputs`.
[[nodiscard]] DesiredState desired_state(const Inputs& inputs);

[[nodiscard]] bool is_tap(const config::Config& config);
[[nodiscard]] protocol::SwitchSettings switch_settings(const config::Config& config);

}  // namespace tunneld::daemon
