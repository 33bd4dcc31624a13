// What an interface should look like on the host, and the changes that lead there.
//
// A plan is the same whether it comes from the configuration or from a server's push. `check --plan` prints
// its changes, a start makes them, and a reload compares the old list with the new one.
//
// A full tunnel has its own routing table. A rule before the main table sends every packet to it that does
// not have the mark of the outer packets. So no route in the main table can pull traffic out of the tunnel:
// neither two /1 routes nor a host route from a hostile DHCP server (CVE-2024-3661). A lookup that is bound
// to another device (by DHCP, or for a link-local address) finds nothing in this table and goes on to the
// main table.
//
// Networks that other interfaces are connected to stay outside of the tunnel, unless a kill switch is on.
// Each has a rule that looks it up in the main table and ignores all routes wider than the network itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/net/ip_address.h"
#include "config/config.h"
#include "daemon/host/accepted_config.h"
#include "daemon/host/access_plan.h"
#include "daemon/host/host_change.h"

namespace tunneld::daemon {

struct HostPlan {
  std::string interface;
  std::uint32_t mtu = 0;
  /// Taps only; nullopt while the key is not known.
  std::optional<net::MacAddress> mac_address{};
  bool is_tap = false;
  std::optional<config::BridgeConfig> bridge{};
  /// The kernel's automatic link-local address may stay.
  bool link_local_stays = false;
  /// With host bits.
  std::vector<net::IpPrefix> addresses;
  /// The peers' networks. 0.0.0.0/0 or ::/0 in the main table is a full tunnel of that family.
  std::vector<net::IpPrefix> allowed_ips;
  /// The table for the routes to allowed_ips; nullopt: no routes.
  std::optional<std::uint32_t> table;
  std::optional<std::uint32_t> metric;
  /// Mark of the outer packets, which keeps them out of a full tunnel; 0: no mark.
  std::uint32_t fwmark = 0;
  /// User and ports of the sockets for outer packets. The kill switch checks these as well, because every
  /// program that may send raw packets may also set the mark.
  std::uint32_t outer_owner = 0;
  std::vector<std::uint16_t> outer_ports{};
  /// The configured networks that stay outside of a full tunnel.
  std::vector<net::IpPrefix> local_networks{};
  /// The networks that other interfaces are connected to (daemon/host/connected_networks.h).
  std::vector<net::IpPrefix> connected_networks{};
  /// Networks that the configuration itself sends through the tunnel: `allowed_ips`, the interface's own
  /// networks, the name servers of `dns`. Pushed ones are not in it: a server could claim a whole connected
  /// network by pushing a single address in it.
  std::vector<net::IpPrefix> named_networks{};
  /// Nothing may leave the host except through the tunnel.
  bool kill_switch = false;
  /// For each family of which the plan has addresses.
  bool forwarding = false;
  /// Packets from the tunnel that leave through these interfaces get the interface's address (NAT).
  std::vector<std::string> masquerade{};
  AccessPlan access{};
  /// Taps only: no peer becomes this host's router, and peers do not reach each other through this host.
  bool no_routers = false;
  bool isolates_peers = false;
  /// The full tunnel waits, because the name of its endpoint can only be looked up outside of it.
  bool hold_full_tunnel = false;
  /// Resolvers inside the tunnel, and the domains that they know.
  std::vector<net::IpAddress> dns_servers{};
  std::vector<std::string> dns_search{};
  /// The user says that the host's resolver belongs to this network namespace.
  bool own_resolver = false;
  /// The name servers wait: the endpoint of the peer that leads to them must be looked up first.
  bool hold_dns = false;

  /// The interface that has the host's addresses in the tunnel: the device, or the bridge that it is a port of.
  [[nodiscard]] const std::string& place() const { return bridge ? bridge->name.value : interface; }
  [[nodiscard]] bool is_full_tunnel(net::Family family) const;
  /// Of either family.
  [[nodiscard]] bool is_full_tunnel() const {
    return is_full_tunnel(net::Family::kIpv4) || is_full_tunnel(net::Family::kIpv6);
  }
  /// The `connected_networks` that stay outside of a full tunnel: those that contain none of
  /// `named_networks`. None with a kill switch.
  [[nodiscard]] std::vector<net::IpPrefix> left_outside() const;
  /// The family that bypasses a full tunnel of the other family, with no kill switch to stop it.
  [[nodiscard]] std::optional<net::Family> uncovered_family() const;
  /// There is a default route through the tunnel, in any table.
  [[nodiscard]] bool takes_everything() const;
};

/// The mark of the outer packets: the configured one, or our own default if a full tunnel needs one.
[[nodiscard]] std::uint32_t fwmark_of(const config::Config& config);

/// `accepted`: what a client has accepted from its server. `public_key`: our own; a tap's address is derived
/// from it.
[[nodiscard]] HostPlan host_plan(const config::Config& config, const AcceptedConfig& accepted = {},
                                 const std::optional<crypto::PublicKey>& public_key = std::nullopt);

/// Unique, and the same at each start. It is a locally administered unicast address, and a high one: a bridge
/// takes the lowest address of its ports as its own, and must not take this one.
[[nodiscard]] net::MacAddress derived_mac_address(const crypto::PublicKey& public_key);

/// In the order in which they have to be made.
[[nodiscard]] std::vector<HostChange> changes_of(const HostPlan& plan);

}  // namespace tunneld::daemon
