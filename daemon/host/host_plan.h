// What an interface should look like on the host, and the changes that lead there.
//
// A plan does not care where it came from: the configuration, or what a server pushes. `check --plan` prints
// its changes, a start makes them, a reload compares two lists.
//
// A full tunnel has a routing table of its own and a rule before the main table that sends everything without
// the outer packets' mark to it. Nothing in the main table can take traffic out of the tunnel then, neither
// two /1 routes nor a host route from a hostile DHCP server (CVE-2024-3661); a lookup that is bound to
// another device (DHCP's own, a link-local one) finds nothing there and goes on to the main table.
//
// Networks that other interfaces are connected to stay outside of it, unless a kill switch is on: each by a
// rule that takes from the main table nothing that is wider than the network itself.
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
  /// Of a tap; nullopt while the key is not known.
  std::optional<net::MacAddress> mac_address{};
  bool is_tap = false;
  std::optional<config::BridgeConfig> bridge{};
  /// An address of the kernel's making does no harm.
  bool link_local_stays = false;
  /// With host bits.
  std::vector<net::IpPrefix> addresses;
  /// The peers' networks. 0.0.0.0/0 or ::/0 for the main table is a full tunnel of that family.
  std::vector<net::IpPrefix> allowed_ips;
  /// For the routes to them; nullopt sets none.
  std::optional<std::uint32_t> table;
  std::optional<std::uint32_t> metric;
  /// Mark of the outer packets, which keeps them out of a full tunnel; 0 for none.
  std::uint32_t fwmark = 0;
  /// Whose the sockets of the outer packets are, and their ports. A mark anybody may set who may send raw
  /// packets, so a kill switch asks for these, too.
  std::uint32_t outer_owner = 0;
  std::vector<std::uint16_t> outer_ports{};
  /// What a full tunnel leaves outside.
  std::vector<net::IpPrefix> local_networks{};
  /// What other interfaces are connected to (daemon/host/connected_networks.h).
  std::vector<net::IpPrefix> connected_networks{};
  /// What the file itself gives the tunnel: `allowed_ips`, the interface's own networks, the name servers of
  /// `dns`. A server's word counts for nothing here: with one address it could take the network around it.
  std::vector<net::IpPrefix> named_networks{};
  /// Nothing leaves but through the tunnel.
  bool kill_switch = false;
  /// For each family that the plan knows addresses of.
  bool forwarding = false;
  /// Interfaces behind which the tunnel's addresses are hidden.
  std::vector<std::string> masquerade{};
  AccessPlan access{};
  /// Of a tap: no peer becomes this host's router, and peers do not reach each other through it.
  bool no_routers = false;
  bool isolates_peers = false;
  /// A full tunnel does not take effect yet: its endpoint's name can only be looked up outside of it.
  bool hold_full_tunnel = false;
  /// Resolvers inside the tunnel, and the domains that they know.
  std::vector<net::IpAddress> dns_servers{};
  std::vector<std::string> dns_search{};
  /// The user says that it is this network namespace's.
  bool own_resolver = false;
  /// They are not asked yet: the endpoint's name of the peer that leads to them is to be looked up before.
  bool hold_dns = false;

  /// Where the host itself is on the tunnel's network: at the device, or the bridge that it is a port of.
  [[nodiscard]] const std::string& place() const { return bridge ? bridge->name.value : interface; }
  [[nodiscard]] bool is_full_tunnel(net::Family family) const;
  /// Of some family.
  [[nodiscard]] bool is_full_tunnel() const {
    return is_full_tunnel(net::Family::kIpv4) || is_full_tunnel(net::Family::kIpv6);
  }
  /// What of `connected_networks` a full tunnel leaves outside: not what holds one of `named_networks`. None
  /// with a kill switch.
  [[nodiscard]] std::vector<net::IpPrefix> left_outside() const;
  /// The family that passes by a full tunnel of the other one, with nothing to stop it.
  [[nodiscard]] std::optional<net::Family> uncovered_family() const;
  /// There is a default route through the tunnel, in whatever table.
  [[nodiscard]] bool takes_everything() const;
};

/// The mark of the outer packets: the configured one, or one of our own where a full tunnel needs it.
[[nodiscard]] std::uint32_t fwmark_of(const config::Config& config);

/// `accepted`: what a client has taken from its server. `public_key`: our own, which a tap's address is
/// derived from.
[[nodiscard]] HostPlan host_plan(const config::Config& config, const AcceptedConfig& accepted = {},
                                 const std::optional<crypto::PublicKey>& public_key = std::nullopt);

/// The same at each start, and no other interface's: local, of one station, and high, so that a bridge that
/// it joins does not take it for its own (a bridge takes the lowest of its ports').
[[nodiscard]] net::MacAddress derived_mac_address(const crypto::PublicKey& public_key);

/// In the order in which they are to be made.
[[nodiscard]] std::vector<HostChange> changes_of(const HostPlan& plan);

}  // namespace tunneld::daemon
