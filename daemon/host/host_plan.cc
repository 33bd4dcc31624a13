#include "daemon/host/host_plan.h"

#include <algorithm>
#include <array>
#include <set>

#include <unistd.h>

#include "common/crypto/blake2s.h"
#include "common/protocol/ethernet_message.h"
#include "daemon/host/firewall.h"
#include "daemon/host/route_coverage.h"

namespace tunneld::daemon {
namespace {

/// 1500 bytes outside, minus the IPv6 and UDP headers and the 32 bytes of a data message.
constexpr std::uint32_t kDefaultMtu = 1420;
/// The same minus 6 bytes of an ETHERNET message, an Ethernet header, and a VLAN tag: 1396.
constexpr std::uint32_t kDefaultTapMtu = kDefaultMtu - protocol::kEthernetRoom;
/// The stations on a bridge expect this; the bridge drops packets that are too large for one of its ports.
constexpr std::uint32_t kBridgedMtu = 1500;

/// Mark and table of a full tunnel, as in wg-quick. Two full tunnels on a host need different marks.
constexpr std::uint32_t kOwnMark = 51820;
/// Between kFirstRulePriority and kLastRulePriority (changes/rule.h).
constexpr std::uint32_t kLocalNetworksPriority = 32700;
constexpr std::uint32_t kFullTunnelPriority = 32701;
/// A range, because two full tunnels must not make identical rules: the mark chooses the priority in it.
constexpr std::uint32_t kConnectedPriority = 32500;
constexpr std::uint32_t kConnectedPriorities = 199;

/// The kernel makes the route to the interface's own network itself when the address is added, in the main
/// table.
bool is_connected(const HostPlan& plan, const net::IpPrefix& network) {
  return plan.table == net::kMainTable && std::ranges::any_of(plan.addresses, [&](const auto& address) {
           return address.length <= network.length && address.contains(network.address);
         });
}

/// The route comes first and the rule that leads to it last, so that there is a route at every moment.
void add_full_tunnel(const HostPlan& plan, net::Family family, std::vector<HostChange>& changes) {
  const bool v4 = family == net::Family::kIpv4;
  // Otherwise a strict reverse path filter ignores the mark when it looks up the route back for an answer.
  if (v4) changes.emplace_back(SysctlSet{.name = "net/ipv4/conf/all/src_valid_mark", .value = "1"});
  changes.emplace_back(
      RouteAdded{.interface = {plan.place()},
                 .destination = {.address = net::IpAddress::unspecified(family), .length = 0},
                 .table = plan.fwmark,
                 .metric = plan.metric});
  for (const net::IpPrefix& network : plan.local_networks) {
    if (network.address.family() != family) continue;
    changes.emplace_back(RuleAdded{{.family = family,
                                    .priority = kLocalNetworksPriority,
                                    .table = net::kMainTable,
                                    .destination = network}});
  }
  for (const net::IpPrefix& network : plan.left_outside()) {
    if (network.address.family() != family) continue;
    changes.emplace_back(RuleAdded{{.family = family,
                                    .priority = kConnectedPriority + plan.fwmark % kConnectedPriorities,
                                    .table = net::kMainTable,
                                    .destination = network,
                                    .suppress_prefix_length = network.length - 1U}});
  }
  changes.emplace_back(RuleAdded{{.family = family,
                                  .priority = kFullTunnelPriority,
                                  .table = plan.fwmark,
                                  .mark = plan.fwmark,
                                  .invert = true}});
}

/// A default route in another table comes without rules, so local networks are cut out of the route itself.
std::vector<net::IpPrefix> around_local_networks(const HostPlan& plan, const net::IpPrefix& network) {
  std::vector<net::IpPrefix> pieces{network};
  if (network.length != 0) return pieces;
  for (const net::IpPrefix& local : plan.local_networks) pieces = without(pieces, local);
  return pieces;
}

/// The device comes last, so that the bridge is complete when the first frame arrives through it.
void add_bridge(const HostPlan& plan, std::vector<HostChange>& changes) {
  const Interface bridge{plan.bridge->name.value};
  if (plan.bridge->create) {
    changes.emplace_back(BridgeMade{.interface = bridge, .spanning_tree = plan.bridge->stp});
    for (const auto& member : plan.bridge->members) {
      changes.emplace_back(BridgePort{.interface = {member.value}, .bridge = bridge, .is_member = true});
    }
  }
  changes.emplace_back(BridgePort{.interface = {plan.interface}, .bridge = bridge});
}

void add_routes(const HostPlan& plan, std::vector<HostChange>& changes) {
  if (!plan.table) return;
  // As wg-quick does: one route for each allowed IP that has no route yet.
  std::set<net::IpPrefix> seen;
  for (const net::IpPrefix& network : plan.allowed_ips) {
    if (plan.is_full_tunnel(network.address.family())) continue;
    if (is_connected(plan, network) || !seen.insert(network).second) continue;
    for (const net::IpPrefix& piece : around_local_networks(plan, network)) {
      changes.emplace_back(RouteAdded{
          .interface = {plan.place()}, .destination = piece, .table = *plan.table, .metric = plan.metric});
    }
  }
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
    if (plan.is_full_tunnel(family) && !plan.hold_full_tunnel) add_full_tunnel(plan, family, changes);
  }
}

void add_dns(const HostPlan& plan, std::vector<HostChange>& changes) {
  if (plan.hold_dns || (plan.dns_servers.empty() && plan.dns_search.empty())) return;
  // Servers without search domains are meant for every name.
  const bool all_names = !plan.dns_servers.empty() && (plan.takes_everything() || plan.dns_search.empty());
  changes.emplace_back(DnsSet{.interface = {plan.place()},
                              .servers = plan.dns_servers,
                              .search = plan.dns_search,
                              .all_names = all_names,
                              .own_resolver = plan.own_resolver});
}

bool knows(const HostPlan& plan, net::Family family) {
  const auto is_it = [family](const net::IpPrefix& prefix) { return prefix.address.family() == family; };
  return std::ranges::any_of(plan.addresses, is_it) || std::ranges::any_of(plan.allowed_ips, is_it);
}

void add_firewall(const HostPlan& plan, std::vector<HostChange>& changes) {
  // Made before the link comes up and undone after it is gone, so that there is no moment without the rules.
  if (auto table = firewall_of(plan)) changes.emplace_back(std::move(*table));
  if (plan.no_routers || plan.isolates_peers) {
    changes.emplace_back(TapFilter{
        .interface = {plan.interface}, .isolates = plan.isolates_peers, .is_wish = !plan.bridge.has_value()});
  }
  // A bridge may have legitimate routers behind its other ports.
  if (plan.no_routers && !plan.bridge) {
    for (const char* name : {"accept_ra", "accept_redirects"}) {
      changes.emplace_back(SysctlSet{.name = "net/ipv6/conf/" + plan.interface + "/" + name,
                                     .value = "0",
                                     .before = std::nullopt,
                                     .is_wish = true});
    }
  }
  if (!plan.forwarding) return;
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
    if (knows(plan, family))
      changes.emplace_back(ForwardingOn{.family = family, .own_interface = plan.interface});
  }
}

/// A server's packets may come from any of the routes accepted from it, so its access rules cover them, too.
std::vector<config::PeerConfig> with_accepted_routes(std::vector<config::PeerConfig> peers,
                                                     const AcceptedConfig& accepted) {
  for (config::PeerConfig& peer : peers) {
    if (peer.public_key.value != accepted.server) continue;
    for (const net::IpPrefix& route : accepted.routes)
      peer.allowed_ips.push_back({route, peer.public_key.at});
  }
  return peers;
}

}  // namespace

bool HostPlan::is_full_tunnel(net::Family family) const {
  return table == net::kMainTable && std::ranges::any_of(allowed_ips, [family](const net::IpPrefix& network) {
           return network.length == 0 && network.address.family() == family;
         });
}

std::vector<net::IpPrefix> HostPlan::left_outside() const {
  std::vector<net::IpPrefix> outside;
  if (kill_switch) return outside;
  for (const net::IpPrefix& network : connected_networks) {
    const auto holds = [&network](const net::IpPrefix& named) { return covers(network, named); };
    if (std::ranges::none_of(named_networks, holds)) outside.push_back(network);
  }
  return outside;
}

std::optional<net::Family> HostPlan::uncovered_family() const {
  const bool v4 = is_full_tunnel(net::Family::kIpv4);
  const bool v6 = is_full_tunnel(net::Family::kIpv6);
  if (kill_switch || v4 == v6) return std::nullopt;
  return v4 ? net::Family::kIpv6 : net::Family::kIpv4;
}

bool HostPlan::takes_everything() const {
  return table && std::ranges::any_of(allowed_ips, [](const auto& network) { return network.length == 0; });
}

std::uint32_t fwmark_of(const config::Config& config) {
  if (config.interface.fwmark != 0) return config.interface.fwmark;
  // Sockets are marked at the start, and a server may push a full tunnel later.
  if (config.client) return kOwnMark;
  for (const config::PeerConfig& peer : config.peers) {
    for (const auto& network : peer.allowed_ips) {
      if (network.value.length == 0 && config.routes.table == net::kMainTable) return kOwnMark;
    }
  }
  return 0;
}

net::MacAddress derived_mac_address(const crypto::PublicKey& public_key) {
  constexpr std::string_view kLabel = "tunneld mac address v1";
  const ByteView label(reinterpret_cast<const std::uint8_t*>(kLabel.data()), kLabel.size());
  const crypto::Digest digest = crypto::blake2s({label, public_key.view()});
  std::array<std::uint8_t, net::MacAddress::kSize> bytes{};
  std::copy_n(digest.begin(), bytes.size(), bytes.begin());
  bytes[0] = 0xfe;
  return net::MacAddress(bytes);
}

HostPlan host_plan(const config::Config& config, const AcceptedConfig& accepted,
                   const std::optional<crypto::PublicKey>& public_key) {
  const config::InterfaceConfig& interface = config.interface;
  const bool tap = interface.type == config::DeviceType::kTap;
  const std::uint32_t usual_mtu = interface.bridge ? kBridgedMtu : tap ? kDefaultTapMtu : kDefaultMtu;
  HostPlan plan{.interface = interface.name.value,
                .mtu = interface.mtu.value_or(accepted.mtu.value_or(usual_mtu)),
                .is_tap = tap,
                .bridge = interface.bridge,
                .addresses = {},
                .allowed_ips = {},
                .table = config.routes.table,
                .metric = config.routes.metric,
                .fwmark = fwmark_of(config),
                .local_networks = {},
                .dns_servers = accepted.dns_servers,
                .dns_search = accepted.dns_search};
  plan.outer_owner = ::geteuid();
  if (config.interface.listen_port) plan.outer_ports = {*config.interface.listen_port};
  for (const auto& address : config.interface.addresses) {
    plan.addresses.push_back(address.value);
    if (!address.value.is_single()) plan.named_networks.push_back(address.value.network());
  }
  for (const net::IpAddress& address : accepted.addresses) {
    const auto is_it = [&](const net::IpPrefix& own) { return own.address == address; };
    if (std::ranges::none_of(plan.addresses, is_it)) plan.addresses.push_back(net::IpPrefix::of(address));
  }
  // One route for all clients with an address from the pool, now and later.
  if (config.server) {
    for (const auto& network : config.server->value.pool) plan.allowed_ips.push_back(network.value);
  }
  const auto in_pool = [&](const net::IpAddress& address) {
    return std::ranges::any_of(config.server->value.pool,
                               [&](const auto& network) { return network.value.contains(address); });
  };
  for (const auto& server : config.interface.dns.servers) {
    plan.dns_servers.push_back(server.value);
    plan.named_networks.push_back(net::IpPrefix::of(server.value));
  }
  for (const auto& domain : config.interface.dns.search) plan.dns_search.push_back(domain.value);
  plan.own_resolver = config.interface.dns.own_resolver;
  for (const config::PeerConfig& peer : config.peers) {
    for (const auto& network : peer.allowed_ips) plan.allowed_ips.push_back(network.value);
    for (const auto& address : peer.addresses) {
      if (!in_pool(address.value)) plan.allowed_ips.push_back(net::IpPrefix::of(address.value));
    }
  }
  plan.named_networks.insert(plan.named_networks.end(), plan.allowed_ips.begin(), plan.allowed_ips.end());
  plan.allowed_ips.insert(plan.allowed_ips.end(), accepted.routes.begin(), accepted.routes.end());
  if (config.client) {
    plan.kill_switch = config.client->value.kill_switch;
    for (const auto& network : config.client->value.local_networks)
      plan.local_networks.push_back(network.value);
  }
  if (config.server) {
    plan.forwarding = config.server->value.forwarding.enabled;
    for (const auto& name : config.server->value.forwarding.masquerade) plan.masquerade.push_back(name.value);
  }
  plan.no_routers = tap && !config.ethernet_switch.router_advertisements;
  plan.isolates_peers = tap && !config.ethernet_switch.client_to_client && config.peers.size() > 1;
  plan.access = access_plan(config.groups, with_accepted_routes(config.peers, accepted));
  if (tap && interface.mac_address) {
    plan.mac_address = interface.mac_address->value;
  } else if (tap && public_key) {
    plan.mac_address = derived_mac_address(*public_key);
  }
  return plan;
}

std::vector<HostChange> changes_of(const HostPlan& plan) {
  std::vector<HostChange> changes;
  add_firewall(plan, changes);
  if (plan.mac_address) {
    changes.emplace_back(LinkAddress{.interface = {plan.interface}, .address = *plan.mac_address});
  }
  if (plan.bridge) add_bridge(plan, changes);
  // First, because the kernel accepts routes only on a link that is up. A port has no addresses of its own.
  changes.emplace_back(LinkUp{.interface = {plan.interface},
                              .mtu = plan.mtu,
                              .link_local = plan.link_local_stays || (plan.is_tap && !plan.bridge)});
  for (const net::IpPrefix& address : plan.addresses) {
    changes.emplace_back(AddressAdded{.interface = {plan.place()}, .address = address});
  }
  add_routes(plan, changes);
  add_dns(plan, changes);
  return changes;
}

}  // namespace tunneld::daemon
