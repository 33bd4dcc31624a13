// The firewall rules of a plan, as one nft table: access of restricted peers, masquerading, the kill switch, and
// the rules that a full tunnel needs.
#pragma once

#include <optional>
#include <string>

#include "config/access_rule.h"
#include "daemon/host/host_change.h"

namespace tunneld::daemon {

struct HostPlan;

/// nullopt: the plan needs none.
[[nodiscard]] std::optional<NftTable> firewall_of(const HostPlan& plan);

/// The names of a group's or peer's chain, of its rules' counters, and of the counter for refused packets.
[[nodiscard]] std::string group_chain(const std::string& group);
[[nodiscard]] std::string peer_chain(const std::string& peer);
[[nodiscard]] std::string allowed_counter(const std::string& chain, const config::AccessRule& rule);
[[nodiscard]] std::string denied_counter(const std::string& chain);

}  // namespace tunneld::daemon
