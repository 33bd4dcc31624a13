// Making a change: what to find out first, and the request itself.
#include <algorithm>
#include <cerrno>
#include <random>
#include <system_error>

#include <linux/if_link.h>
#include <net/if.h>

#include "common/net/address_class.h"
#include "common/net/interface_name.h"
#include "daemon/host/changes/nft_table.h"
#include "daemon/host/changes/sysctl.h"
#include "daemon/host/dns/dns_change.h"
#include "daemon/host/host_change.h"

namespace tunneld::daemon {
namespace {

using Reason = net::NetlinkError::Reason;

void find_index(Interface& interface) {
  const auto index = net::interface_index(interface.name);
  if (!index) throw net::NetlinkError(Reason::kNotFound, interface.name + ": no such interface");
  interface.index = *index;
}

Preparation prepare(DeviceOpened& opened, net::Netlink&) {
  find_index(opened.interface);
  return Preparation::kReady;
}

Preparation prepare(LinkAddress& link, net::Netlink& netlink) {
  find_index(link.interface);
  link.before = netlink.link(link.interface.index).address;
  return link.before == link.address ? Preparation::kAlreadyThere : Preparation::kReady;
}

/// Nobody else's: the kernel numbers devices upwards from 1, and would give a number close behind its last
/// one to whatever is made next.
std::uint32_t unused_index() {
  std::random_device random;
  std::uniform_int_distribution<std::uint32_t> indices(1U << 24, (1U << 30) - 1);
  for (;;) {
    const std::uint32_t index = indices(random);
    if (!net::is_interface(index)) return index;
  }
}

Preparation prepare(BridgeMade& made, net::Netlink&) {
  if (net::interface_index(made.bridge.name)) {
    throw net::NetlinkError(Reason::kExists, made.bridge.name +
                                                 " exists already: remove 'create: true' to join it as it "
                                                 "is, or choose another name for the bridge");
  }
  made.bridge.index = unused_index();
  return Preparation::kReady;
}

void find_bridge(Interface& bridge, net::Netlink& netlink) {
  bridge.index = net::interface_index(bridge.name).value_or(0);
  if (bridge.index == 0) {
    throw net::NetlinkError(Reason::kNotFound,
                            "there is no bridge " + bridge.name + ": make it (`ip link add " + bridge.name +
                                " type bridge`), or write `bridge: { name: " + bridge.name +
                                ", create: true }`");
  }
  if (netlink.link(bridge.index).kind != "bridge") {
    throw net::NetlinkError(Reason::kOther, bridge.name + " is no bridge: name one in 'bridge'");
  }
}

/// Frames that come in by a port belong to the bridge, so its addresses would be cut off.
void check_has_no_address(const BridgePort& member, net::Netlink& netlink) {
  for (const net::InterfaceAddress& address : netlink.addresses(member.interface.index)) {
    if (net::is_link_local(address.address.address)) continue;
    throw net::NetlinkError(Reason::kOther,
                            member.interface.name + " has the address " + address.address.to_string() +
                                ", which would be cut off as a member of " + member.bridge.name +
                                ": take it away (`ip address del " + address.address.to_string() + " dev " +
                                member.interface.name + "`), and give it to the bridge in 'addresses'");
  }
}

Preparation prepare(BridgePort& port, net::Netlink& netlink) {
  find_index(port.interface);
  find_bridge(port.bridge, netlink);
  const net::Link present = netlink.link(port.interface.index);
  port.before = present.up;
  if (present.master == port.bridge.index) return Preparation::kAlreadyThere;
  if (present.master != 0) {
    throw net::NetlinkError(Reason::kExists, port.interface.name + " belongs to " +
                                                 netlink.link(present.master).name +
                                                 ": take it out there first (`ip link set dev " +
                                                 port.interface.name + " nomaster`)");
  }
  if (port.is_member) check_has_no_address(port, netlink);
  return Preparation::kReady;
}

Preparation prepare(LinkUp& link, net::Netlink& netlink) {
  find_index(link.interface);
  const net::Link present = netlink.link(link.interface.index);
  link.before = {.mtu = present.mtu, .up = present.up, .address_generation = present.address_generation};
  const bool no_address =
      link.link_local || !present.address_generation || present.address_generation == IN6_ADDR_GEN_MODE_NONE;
  return present.up && present.mtu == link.mtu && no_address ? Preparation::kAlreadyThere
                                                             : Preparation::kReady;
}

Preparation prepare(AddressAdded& added, net::Netlink& netlink) {
  find_index(added.interface);
  // Addresses carry no mark of who made them, so that must be known before ours could be one of them.
  const auto present = netlink.addresses(added.interface.index);
  const bool is_there = std::ranges::find(present, net::InterfaceAddress{added.interface.index,
                                                                         added.address}) != present.end();
  return is_there ? Preparation::kAlreadyThere : Preparation::kReady;
}

Preparation prepare(RouteAdded& added, net::Netlink&) {
  find_index(added.interface);
  return Preparation::kReady;
}

Preparation prepare(RuleAdded& added, net::Netlink&) {
  added.rule.protocol = net::kRuleProtocol;
  return Preparation::kReady;
}

Preparation prepare(SysctlSet& set, net::Netlink&) {
  set.before = read_sysctl(set.name);
  if (!set.before && set.is_wish) return Preparation::kAlreadyThere;
  if (!set.before) throw std::system_error(ENOENT, std::generic_category(), "sysctl " + set.name);
  return *set.before == set.value ? Preparation::kAlreadyThere : Preparation::kReady;
}

Preparation prepare(ForwardingOn& on, net::Netlink&) {
  on.before = before_forwarding(on.family, on.own_interface);
  return on.before.at(forwarding_switch(on.family)) == "1" ? Preparation::kAlreadyThere : Preparation::kReady;
}

Preparation prepare(NftTable&, net::Netlink&) {
  return Preparation::kReady;
}

Preparation prepare(BridgeFilter& filter, net::Netlink&) {
  find_index(filter.interface);
  return Preparation::kReady;
}

Preparation prepare(DnsSet& set, net::Netlink&) {
  find_index(set.interface);
  prepare_dns(set);
  return Preparation::kReady;
}

/// A tap has them as any Ethernet card. WireGuard's devices have no link-local addresses, and users of
/// wg-quick expect none; to a tun the kernel gives a random one.
void forbid_automatic_address(std::uint32_t interface_index, net::Netlink& netlink) {
  try {
    netlink.set_link(interface_index, {.address_generation = IN6_ADDR_GEN_MODE_NONE});
  } catch (const net::NetlinkError& error) {
    if (error.reason() != Reason::kNotSupported) throw;  // a host without IPv6 makes none
  }
}

void apply(const DeviceOpened&, net::Netlink&) {}  // net::TunDevice does it

void apply(const LinkAddress& link, net::Netlink& netlink) {
  netlink.set_link(link.interface.index, {.address = link.address});
}

void apply(const BridgeMade& made, net::Netlink& netlink) {
  netlink.add_bridge(made.bridge.name, made.spanning_tree, made.bridge.index);
  netlink.set_link(made.bridge.index, {.up = true});
}

void apply(const BridgePort& port, net::Netlink& netlink) {
  net::LinkSettings settings{.master = port.bridge.index};
  if (port.is_member) settings.up = true;
  try {
    netlink.set_link(port.interface.index, settings);
  } catch (const net::NetlinkError& error) {
    throw net::NetlinkError(error.reason(), port.interface.name + " cannot be a port of " + port.bridge.name +
                                                ": " + error.what());
  }
}

void apply(const LinkUp& link, net::Netlink& netlink) {
  if (!link.link_local) forbid_automatic_address(link.interface.index, netlink);
  netlink.set_link(link.interface.index, {.mtu = link.mtu, .up = true});
}

void apply(const AddressAdded& added, net::Netlink& netlink) {
  netlink.add_address({.interface_index = added.interface.index, .address = added.address});
}

/// The route that took the place of `wanted`, as `ip route` would show it.
std::string other_route(const net::Route& wanted, net::Netlink& netlink) {
  const net::RouteFilter filter{.family = wanted.destination.address.family(), .table = wanted.table};
  for (const net::Route& route : netlink.routes(filter)) {
    if (route.destination != wanted.destination || (wanted.metric && route.metric != wanted.metric)) continue;
    char name[IF_NAMESIZE] = "";
    std::string words = route.destination.to_string();
    if (if_indextoname(route.interface_index, name) != nullptr) words += std::string(" dev ") + name;
    return words + " proto " + std::to_string(route.protocol);
  }
  return "it is gone again";
}

void apply(const RouteAdded& added, net::Netlink& netlink) {
  const net::Route route{.destination = added.destination,
                         .table = added.table,
                         .metric = added.metric,
                         .interface_index = added.interface.index,
                         .protocol = net::kRouteProtocol};
  try {
    netlink.add_route(route);
  } catch (const net::NetlinkError& error) {
    if (error.reason() != Reason::kExists) throw;
    throw net::NetlinkError(Reason::kExists,
                            "the host has a route to " + added.destination.to_string() + " already (" +
                                other_route(route, netlink) +
                                "): remove it, or choose another metric or table in 'routes'");
  }
}

void apply(const RuleAdded& added, net::Netlink& netlink) {
  netlink.add_rule(added.rule);
}

void apply(const SysctlSet& set, net::Netlink&) {
  write_sysctl(set.name, set.value);
}

void apply(const ForwardingOn& on, net::Netlink&) {
  forwarding_on(on.family, on.before);
}

void apply(const NftTable& table, net::Netlink&) {
  make_nft_table(table);
}

void apply(const BridgeFilter& filter, net::Netlink&) {
  make_bridge_filter(filter);
}

void apply(const DnsSet& set, net::Netlink&) {
  apply_dns(set);
}

bool takes_over(LinkAddress& wanted, const LinkAddress& made) {
  if (wanted.interface != made.interface) return false;
  wanted.interface = made.interface;
  wanted.before = made.before;
  return true;
}

bool takes_over(LinkUp& wanted, const LinkUp& made) {
  if (wanted.interface != made.interface) return false;
  wanted.interface = made.interface;
  wanted.before = made.before;
  return true;
}

bool takes_over(NftTable& wanted, const NftTable& made) {
  return wanted.name == made.name;
}

bool takes_over(BridgeFilter& wanted, const BridgeFilter& made) {
  if (wanted.interface != made.interface) return false;
  wanted.interface = made.interface;
  return true;
}

bool takes_over(DnsSet& wanted, const DnsSet& made) {
  if (wanted.interface != made.interface) return false;
  wanted.interface = made.interface;
  wanted.keeper = made.keeper;
  wanted.place = made.place;
  wanted.file = made.file;
  wanted.program = made.program;
  wanted.made_file = made.made_file;
  return true;
}

/// Whatever else is wanted anew is made when the old one is undone.
template <typename Kind>
bool takes_over(Kind&, const Kind&) {
  return false;
}

}  // namespace

bool takes_place_of(HostChange& wanted, const HostChange& made) {
  return std::visit(
      [&made](auto& kind) {
        const auto* same_kind = std::get_if<std::remove_reference_t<decltype(kind)>>(&made);
        return same_kind != nullptr && takes_over(kind, *same_kind);
      },
      wanted);
}

Preparation prepare(HostChange& change, net::Netlink& netlink) {
  return std::visit([&](auto& kind) { return prepare(kind, netlink); }, change);
}

bool is_as_wished(const HostChange& change, net::Netlink& netlink) {
  HostChange wish = change;
  if (prepare(wish, netlink) == Preparation::kAlreadyThere) return true;
  const auto* added = std::get_if<RouteAdded>(&wish);
  if (added == nullptr) return false;
  const net::RouteFilter filter{.family = added->destination.address.family(),
                                .table = added->table,
                                .interface_index = added->interface.index};
  return std::ranges::any_of(netlink.routes(filter), [&](const net::Route& route) {
    return route.destination == added->destination && (!added->metric || route.metric == added->metric);
  });
}

void apply_change(const HostChange& change, net::Netlink& netlink) {
  std::visit([&](const auto& kind) { apply(kind, netlink); }, change);
}

}  // namespace tunneld::daemon
