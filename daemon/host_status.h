// Which of the daemon's changes on the host others have removed, for `status` and `doctor`.
#pragma once

#include <string>
#include <vector>

#include "common/json.h"
#include "daemon/finding.h"

namespace tunneld::daemon {

class HostWatch;

/// `host` of the status document (docs/control_socket.md), after a comparison with the kernel. Never throws.
[[nodiscard]] Json host_status(HostWatch& watch);
/// A line for people; empty if nothing is missing.
[[nodiscard]] std::string render_host(const Json& status);
/// Compares two status documents.
[[nodiscard]] std::vector<Finding> diagnose_host(const Json& before, const Json& after);

}  // namespace tunneld::daemon
