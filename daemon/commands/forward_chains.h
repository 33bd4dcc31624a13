// Detects whether the host's own firewall drops what it should forward for the tunnel: no rule of ours can
// let a packet through that another chain of the same hook drops.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/json.h"
#include "daemon/finding.h"

namespace tunneld::daemon {

/// Whether this host forwards for the tunnel.
enum class Forwards : std::uint8_t { kNot, kPerhaps, kAsked };

/// `status`: see docs/control_socket.md. `host_forwards`: whether the kernel forwards, whoever has enabled it. On a
/// client, that is mostly for containers, and says nothing about the tunnel.
[[nodiscard]] Forwards forwards_for_tunnel(const Json& status, bool host_forwards);
/// As the kernel has it now, for either family.
[[nodiscard]] bool host_forwards();

/// Examines a ruleset as printed by `nft list ruleset`: chains at the hook `forward` that drop everything, or
/// all that comes from or goes to `interface`, and have no other rule that mentions it. Certain only for a
/// chain without rules that might let something pass, and where it is certain that the host is to forward.
[[nodiscard]] std::vector<Finding> forward_findings(const std::string& ruleset, const std::string& interface,
                                                    Forwards forwards);

/// The same for this host; empty if we may not read its ruleset. Rules made by iptables-legacy are not seen.
/// Never throws for errors of the kernel.
[[nodiscard]] std::vector<Finding> forward_findings(const std::string& interface, Forwards forwards);

}  // namespace tunneld::daemon
