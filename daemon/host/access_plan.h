// Access rules: the peers' source networks, and what each peer may reach.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "common/net/ip_address.h"
#include "config/config.h"

namespace tunneld::daemon {

struct PeerAccess {
  std::string name;
  /// What its packets come from.
  std::vector<net::IpPrefix> networks;
  /// Rules of its own and those of its group; with neither the peer reaches everything.
  std::optional<std::vector<config::AccessRule>> allow;
  std::optional<std::string> group;

  [[nodiscard]] bool is_restricted() const { return allow || group; }
  bool operator==(const PeerAccess&) const = default;
};

struct AccessPlan {
  struct Group {
    std::string name;
    std::vector<config::AccessRule> allow;
    bool operator==(const Group&) const = default;
  };
  /// All peers: the longest prefix decides whose an address is.
  std::vector<PeerAccess> peers;
  std::vector<Group> groups;

  [[nodiscard]] bool is_empty() const {
    return std::ranges::none_of(peers, [](const PeerAccess& peer) { return peer.is_restricted(); });
  }
};

/// `peers`: with the addresses that have been leased to them among their allowed IPs.
[[nodiscard]] AccessPlan access_plan(const std::vector<config::GroupConfig>& groups,
                                     const std::vector<config::PeerConfig>& peers);

}  // namespace tunneld::daemon
