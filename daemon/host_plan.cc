#include "daemon/host_plan.h"

#include <algorithm>
#include <set>

namespace tunneld::daemon {
namespace {

/// 1500 outside, less IPv6 and UDP headers and the 32 bytes of a data message.
constexpr std::uint32_t kDefaultMtu = 1420;

/// With its address the kernel makes a route to the interface's own network, in the main table.
bool is_connected(const HostPlan& plan, const net::IpPrefix& network) {
  return plan.table == net::kMainTable && std::ranges::any_of(plan.addresses, [&](const auto& address) {
           return address.length <= network.length && address.contains(network.address);
         });
}

}  // namespace

HostPlan host_plan(const config::Config& config) {
  HostPlan plan{.interface = config.interface.name.value,
                .mtu = config.interface.mtu.value_or(kDefaultMtu),
                .addresses = {},
                .allowed_ips = {},
                .table = config.routes.table,
                .metric = config.routes.metric};
  for (const auto& address : config.interface.addresses) plan.addresses.push_back(address.value);
  for (const config::PeerConfig& peer : config.peers) {
    for (const auto& network : peer.allowed_ips) plan.allowed_ips.push_back(network.value);
  }
  return plan;
}

std::vector<HostChange> changes_of(const HostPlan& plan) {
  std::vector<HostChange> changes;
  // Up first: the kernel takes routes only on a link that is up.
  changes.emplace_back(LinkUp{.interface = {plan.interface}, .mtu = plan.mtu});
  for (const net::IpPrefix& address : plan.addresses) {
    changes.emplace_back(AddressAdded{.interface = {plan.interface}, .address = address});
  }
  if (!plan.table) return changes;

  // As wg-quick does: one route for each allowed IP that is not reached anyway.
  std::set<net::IpPrefix> seen;
  for (const net::IpPrefix& network : plan.allowed_ips) {
    if (network.length == 0 && plan.table == net::kMainTable) {
      throw PlanError(
          "a default route (" + network.to_string() +
          ") in the main table would lead the tunnel's own packets into the tunnel: set 'table' in "
          "'routes' to a table of its own and choose by rules what uses it, or set 'routes: none'");
    }
    if (is_connected(plan, network) || !seen.insert(network).second) continue;
    changes.emplace_back(RouteAdded{
        .interface = {plan.interface}, .destination = network, .table = *plan.table, .metric = plan.metric});
  }
  return changes;
}

}  // namespace tunneld::daemon
