#include "daemon/host_changes.h"

#include <algorithm>
#include <ranges>
#include <set>

#include <spdlog/spdlog.h>

namespace tunneld::daemon {
namespace {

/// 1500 outside, less IPv6 and UDP headers and the 32 bytes of a data message.
constexpr std::uint32_t kDefaultMtu = 1420;

void undo_in_reverse(const std::vector<HostChange>& changes, net::Netlink& netlink) {
  for (const HostChange& change : changes | std::views::reverse) {
    try {
      undo(change, netlink);
    } catch (const std::exception& error) {
      spdlog::warn("{} stays: {}", in_words(change), error.what());
    }
  }
}

}  // namespace

std::vector<HostChange> plan_changes(const config::Config& config) {
  const std::string& interface = config.interface.name.value;
  std::vector<HostChange> plan;
  // Up before the addresses: an address on a link that is down has its route only later.
  plan.emplace_back(LinkUp{interface, config.interface.mtu.value_or(kDefaultMtu)});
  for (const auto& address : config.interface.addresses)
    plan.emplace_back(AddressAdded{interface, address.value});
  if (!config.routes.table) return plan;

  std::set<net::IpPrefix> seen;
  for (const config::PeerConfig& peer : config.peers) {
    for (const auto& allowed : peer.allowed_ips) {
      const bool covered = std::ranges::any_of(config.interface.addresses, [&](const auto& address) {
        return address.value.length <= allowed.value.length && address.value.contains(allowed.value.address);
      });
      const bool connected = covered && config.routes.table == 254U;
      if (!connected && seen.insert(allowed.value).second) {
        plan.emplace_back(RouteAdded{interface, allowed.value, *config.routes.table, config.routes.metric});
      }
    }
  }
  return plan;
}

HostChanges::HostChanges(const std::string& interface) : journal_((undo_left_behind(interface), interface)) {}

HostChanges::~HostChanges() {
  undo_in_reverse(made_, netlink_);
  journal_.remove();
}

void HostChanges::make(const HostChange& change) {
  journal_.append(change);
  apply(change, netlink_);
  made_.push_back(change);
  spdlog::info("{}", in_words(change));
}

std::size_t HostChanges::undo_left_behind(const std::string& interface) {
  const auto changes = Journal::read(interface);
  if (!changes) return 0;
  net::Netlink netlink;
  undo_in_reverse(*changes, netlink);
  Journal::remove_left_behind(interface);
  return changes->size();
}

}  // namespace tunneld::daemon
