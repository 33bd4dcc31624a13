// Detects whether the host's own firewall drops what it should forward for the tunnel: no rule of ours can
// let a packet through that another chain of the same hook drops.
#pragma once

#include <string>
#include <vector>

#include "daemon/finding.h"

namespace tunneld::daemon {

/// Examines a ruleset as printed by `nft list ruleset`: chains at the hook `forward` that drop by policy, or
/// by a rule without conditions, and do not mention `interface`. Certain only for a chain without other
/// rules.
[[nodiscard]] std::vector<Finding> forward_findings(const std::string& ruleset, const std::string& interface);

/// The same for this host; empty if we may not read its ruleset. Rules made by iptables-legacy are not seen.
/// Never throws for errors of the kernel.
[[nodiscard]] std::vector<Finding> forward_findings(const std::string& interface);

}  // namespace tunneld::daemon
