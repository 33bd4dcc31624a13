// Undoing a change: only what is still ours, so that a second time does nothing.
#include <linux/if_link.h>

#include "common/log.h"
#include "common/net/interface_name.h"
#include "daemon/host/changes/nft_table.h"
#include "daemon/host/changes/sysctl.h"
#include "daemon/host/dns/dns_change.h"
#include "daemon/host/host_change.h"

namespace tunneld::daemon {
namespace {

using Reason = net::NetlinkError::Reason;

bool is_there(const Interface& interface) {
  return net::interface_index(interface.name) == interface.index;
}

/// For requests that name exactly what is ours: the kernel finds it or does not.
template <typename Remove>
Undone remove_ours(const Remove& remove) {
  try {
    remove();
    return Undone::kDone;
  } catch (const net::NetlinkError& error) {
    if (error.reason() != Reason::kNotFound) throw;
    return Undone::kNotOurs;
  }
}

Undone undo(const DeviceOpened& opened, net::Netlink&) {
  if (!is_there(opened.interface)) return Undone::kDeviceGone;
  return net::restore(opened.interface.name, opened.before) ? Undone::kDone : Undone::kNotOurs;
}

Undone undo(const LinkAddress& link, net::Netlink& netlink) {
  if (!is_there(link.interface)) return Undone::kDeviceGone;
  const auto present = netlink.link(link.interface.index).address;
  if (!link.before || present == link.before) return Undone::kDone;
  if (present != link.address) return Undone::kNotOurs;
  netlink.set_link(link.interface.index, {.address = link.before});
  return Undone::kDone;
}

Undone undo(const BridgeMade& made, net::Netlink& netlink) {
  if (!is_there(made.bridge)) return Undone::kDeviceGone;
  for (const net::Link& port : netlink.links_of(made.bridge.index)) {
    log::warn("{} goes, and {} was still a port of it", made.bridge.name, port.name);
  }
  netlink.remove_link(made.bridge.index);
  return Undone::kDone;
}

Undone undo(const BridgePort& port, net::Netlink& netlink) {
  if (!is_there(port.interface)) return Undone::kDeviceGone;
  const net::Link present = netlink.link(port.interface.index);
  const bool is_port = present.master == port.bridge.index;
  // Somebody may have removed the bridge alone; a port of another is theirs altogether.
  if (!is_port && present.master != 0) return Undone::kNotOurs;
  net::LinkSettings settings;
  if (is_port) settings.master = 0;
  if (port.is_member && port.before == false && present.up) settings.up = false;
  if (settings.master || settings.up) netlink.set_link(port.interface.index, settings);
  return is_port ? Undone::kDone : Undone::kNotOurs;
}

Undone undo(const LinkUp& link, net::Netlink& netlink) {
  if (!is_there(link.interface)) return Undone::kDeviceGone;
  if (!link.before) return Undone::kDone;
  const net::LinkSettings& before = *link.before;
  const std::uint32_t index = link.interface.index;
  const net::Link present = netlink.link(index);
  // Down first: the kernel would make an IPv6 address as soon as the mode allows it.
  if (present.up && before.up == false) netlink.set_link(index, {.up = false});
  if (present.address_generation == IN6_ADDR_GEN_MODE_NONE && before.address_generation &&
      before.address_generation != present.address_generation) {
    netlink.set_link(index, {.address_generation = before.address_generation});
  }
  if (present.mtu == before.mtu) return Undone::kDone;
  if (present.mtu != link.mtu) return Undone::kNotOurs;
  netlink.set_link(index, {.mtu = before.mtu});
  return Undone::kDone;
}

Undone undo(const AddressAdded& added, net::Netlink& netlink) {
  if (!is_there(added.interface)) return Undone::kDeviceGone;
  return remove_ours(
      [&] { netlink.remove_address({.interface_index = added.interface.index, .address = added.address}); });
}

Undone undo(const RouteAdded& added, net::Netlink& netlink) {
  if (!is_there(added.interface)) return Undone::kDeviceGone;
  return remove_ours([&] {
    netlink.remove_route({.destination = added.destination,
                          .table = added.table,
                          .metric = added.metric,
                          .interface_index = added.interface.index,
                          .protocol = net::kRouteProtocol});
  });
}

Undone undo(const RuleAdded& added, net::Netlink& netlink) {
  const auto remove_with = [&](std::uint8_t protocol) {
    net::Rule rule = added.rule;
    rule.protocol = protocol;
    return remove_ours([&] { netlink.remove_rule(rule); });
  };
  const Undone undone = remove_with(added.rule.protocol);
  // Of a run before an upgrade.
  return undone == Undone::kNotOurs ? remove_with(net::kRouteProtocol) : undone;
}

Undone undo(const SysctlSet& set, net::Netlink&) {
  const auto present = read_sysctl(set.name);
  if (!present) return Undone::kDeviceGone;
  if (!set.before || *present == *set.before) return Undone::kDone;
  if (*present != set.value) return Undone::kNotOurs;
  write_sysctl(set.name, *set.before);
  return Undone::kDone;
}

Undone undo(const ForwardingOn& on, net::Netlink&) {
  forwarding_as_before(on.family, on.before);
  return Undone::kDone;
}

Undone undo(const NftTable& table, net::Netlink&) {
  return remove_nft_table(table.name) ? Undone::kDone : Undone::kNotOurs;
}

Undone undo(const BridgeFilter& filter, net::Netlink&) {
  return remove_nft_table(nft_table_name(filter.interface.name), "bridge") ? Undone::kDone : Undone::kNotOurs;
}

Undone undo(const DnsSet& set, net::Netlink&) {
  return undo_dns(set);
}

}  // namespace

Undone undo(const HostChange& change, net::Netlink& netlink) {
  return std::visit([&](const auto& kind) { return undo(kind, netlink); }, change);
}

}  // namespace tunneld::daemon
