#include "daemon/host/host_state.h"

#include <algorithm>

#include "daemon/host/changes/nft_table.h"
#include "daemon/host/dns/dns_change.h"

namespace tunneld::daemon {
namespace {

/// What a route without a metric gets: none, and IP6_RT_PRIO_USER (linux/ipv6_route.h).
constexpr std::uint32_t default_metric(net::Family family) {
  return family == net::Family::kIpv4 ? 0 : 1024;
}

Standing standing_if(bool stands) {
  return stands ? Standing::kStands : Standing::kMissing;
}

}  // namespace

const char* in_words(Standing standing) {
  switch (standing) {
    case Standing::kNoDevice:
      return " (the device has another name now, or is in another network namespace)";
    case Standing::kTaken:
      return " (it belongs to something else now)";
    case Standing::kOthersKeep:
      return " (another program keeps the host's name servers now; `tunneld reload` gives them to it)";
    case Standing::kNoAnswer:
      return " (who keeps the host's name servers does not answer)";
    case Standing::kStands:
    case Standing::kMissing:
      break;
  }
  return "";
}

Standing HostState::standing(const HostChange& made, const std::optional<net::NftTableState>& table) {
  table_ = &table;
  return std::visit([this](const auto& kind) { return of(kind); }, made);
}

const std::optional<net::Link>& HostState::link(const Interface& interface) {
  const auto [place, is_new] = links_.try_emplace(interface.index);
  if (is_new) {
    try {
      net::Link found = netlink_.link(interface.index);
      if (found.name == interface.name) place->second = std::move(found);
    } catch (const net::NetlinkError& error) {
      if (error.reason() != net::NetlinkError::Reason::kNotFound) throw;
    }
  }
  return place->second;
}

Standing HostState::of(const LinkAddress& made) {
  const auto& present = link(made.interface);
  return present ? standing_if(present->address == made.address) : Standing::kNoDevice;
}

Standing HostState::of(const BridgeMade& made) {
  const auto& present = link(made.bridge);
  return present ? standing_if(present->up) : Standing::kNoDevice;
}

Standing HostState::of(const BridgePort& port) {
  const auto& present = link(port.interface);
  if (!present || !link(port.bridge)) return Standing::kNoDevice;
  if (present->master != 0 && present->master != port.bridge.index) return Standing::kTaken;
  return standing_if(present->master == port.bridge.index && (present->up || !port.is_member));
}

Standing HostState::of(const LinkUp& made) {
  const auto& present = link(made.interface);
  return present ? standing_if(present->up && (made.mtu == 0 || present->mtu == made.mtu))
                 : Standing::kNoDevice;
}

Standing HostState::of(const AddressAdded& added) {
  if (!link(added.interface)) return Standing::kNoDevice;
  const auto [place, is_new] = addresses_.try_emplace(added.interface.index);
  if (is_new) {
    for (const auto& present : netlink_.addresses(added.interface.index))
      place->second.insert(present.address);
  }
  return standing_if(place->second.contains(added.address));
}

HostState::RouteKey HostState::key_of(const net::Route& route) {
  const net::Family family = route.destination.address.family();
  return {route.destination, route.table, route.metric.value_or(default_metric(family))};
}

Standing HostState::of(const RouteAdded& added) {
  if (!link(added.interface)) return Standing::kNoDevice;
  const net::Family family = added.destination.address.family();
  const std::uint32_t index = added.interface.index;
  const auto [place, is_new] = routes_.try_emplace({family, index});
  if (is_new) {
    for (const auto& present : netlink_.routes({.family = family, .interface_index = index}))
      place->second.insert(key_of(present));
  }
  // Whoever's it is, the way is there.
  return standing_if(place->second.contains(
      key_of({.destination = added.destination, .table = added.table, .metric = added.metric})));
}

Standing HostState::of(const RuleAdded& added) {
  const auto [place, is_new] = rules_.try_emplace(added.rule.family);
  if (is_new) place->second = netlink_.rules(added.rule.family);
  return standing_if(std::ranges::find(place->second, added.rule) != place->second.end());
}

Standing HostState::of(const NftTable& table) const {
  return standing_if(nft_table_stands(table.name, *table_));
}

Standing HostState::of(const BridgeFilter& filter) const {
  return standing_if(
      nft_table_stands(nft_table_name(filter.interface.name), *table_, net::NftFamily::kBridge));
}

Standing HostState::of(const DnsSet& set) {
  return dns_standing(set);
}

}  // namespace tunneld::daemon
