#include "daemon/host/access_plan.h"

namespace tunneld::daemon {
namespace {

std::vector<config::AccessRule> values(const std::vector<config::Located<config::AccessRule>>& rules) {
  std::vector<config::AccessRule> result;
  for (const auto& rule : rules) result.push_back(rule.value);
  return result;
}

}  // namespace

AccessPlan access_plan(const std::vector<config::GroupConfig>& groups,
                       const std::vector<config::PeerConfig>& peers) {
  AccessPlan plan;
  for (const config::GroupConfig& group : groups)
    plan.groups.push_back({group.name.value, values(group.allow)});
  for (const config::PeerConfig& peer : peers) {
    PeerAccess access{.name = peer.name.value, .networks = {}, .allow = {}, .group = {}};
    for (const auto& network : peer.allowed_ips) access.networks.push_back(network.value);
    for (const auto& address : peer.addresses) access.networks.push_back(net::IpPrefix::of(address.value));
    if (peer.allow) access.allow = values(*peer.allow);
    if (peer.group) access.group = peer.group->value;
    plan.peers.push_back(std::move(access));
  }
  return plan;
}

}  // namespace tunneld::daemon
