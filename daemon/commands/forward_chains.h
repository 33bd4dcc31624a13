// Whether the host's own firewall swallows what it is to forward for the tunnel: no policy of ours can let
// through what another chain of the same hook drops.
#pragma once

#include <string>
#include <vector>

#include "daemon/finding.h"

namespace tunneld::daemon {

/// Of a ruleset as `nft list ruleset` prints it: the chains at the hook `forward` that drop by policy, or by
/// a rule without conditions, and name no `interface`. Certain only of a chain that has no other rules.
[[nodiscard]] std::vector<Finding> forward_findings(const std::string& ruleset, const std::string& interface);

/// Of this host; nothing where it may not be asked. What iptables-legacy has made is not seen. Never throws
/// for what the kernel says.
[[nodiscard]] std::vector<Finding> forward_findings(const std::string& interface);

}  // namespace tunneld::daemon
