// The desired state of host and tunnel as one value, and the pure function that works it out.
//
// Start, reload, lease, push, path MTU, another network and the end of a hold change an Inputs and hand it to
// Daemon::become(); nothing else decides what is wanted.
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

using PresharedKeys = std::map<crypto::PublicKey, crypto::PresharedKey>;

/// Everything that decides what is wanted.
struct Inputs {
  std::shared_ptr<const config::Config> config;
  std::shared_ptr<const PresharedKeys> preshared_keys;
  crypto::PublicKey public_key;
  /// What a server has given to its clients.
  Leases leases;
  /// What a client has taken from its server.
  AcceptedConfig accepted;
  /// The path MTU of a single peer, where it is known.
  std::optional<std::uint32_t> found_mtu;

  /// The host around us.
  struct Surroundings {
    /// The peers with endpoints of which one is known: a name that has not been looked up yet is none.
    std::set<crypto::PublicKey> located;
    /// What other interfaces are connected to.
    std::vector<net::IpPrefix> connected_networks;
    /// Of our sockets.
    std::vector<std::uint16_t> outer_ports;
    /// The device as it was found; nullopt where we may configure it.
    std::optional<net::Link> found_device;
  };
  Surroundings surroundings;
};

struct DesiredState {
  HostPlan plan;
  /// In the order in which they are to be made.
  std::vector<HostChange> changes;
  std::vector<DesiredPeer> peers;
  /// Inner bytes: the limit of the device, and of the search for path MTUs.
  std::uint32_t mtu = 0;
  std::uint32_t mss_clamp = 0;
  protocol::PathPolicy path;
  /// The device's MTU follows the path MTU of a single peer.
  bool follows_path = false;
  /// Of a tap.
  protocol::SwitchSettings ethernet;
};

/// Pure. The result's preshared keys are those of `inputs`.
[[nodiscard]] DesiredState desired_state(const Inputs& inputs);

/// By the peers' public keys. `keys`: in the order of config.peers.
[[nodiscard]] PresharedKeys preshared_keys_of(const config::Config& config,
                                              std::vector<std::optional<crypto::PresharedKey>> keys);

[[nodiscard]] bool is_tap(const config::Config& config);
[[nodiscard]] protocol::SwitchSettings switch_settings(const config::Config& config);

}  // namespace tunneld::daemon
