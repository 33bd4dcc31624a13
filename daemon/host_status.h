// What others have taken away of what the daemon made on the host: for `status` and `doctor`.
#pragma once

#include <string>
#include <vector>

#include "common/json.h"
#include "daemon/finding.h"

namespace tunneld::daemon {

class HostWatch;

/// The status document's `host` (docs/control_socket.md). Compares with the kernel now. Never throws.
[[nodiscard]] Json host_status(HostWatch& watch);
/// A line for people; empty where all is as it should be.
[[nodiscard]] std::string render_host(const Json& status);
/// From two status documents.
[[nodiscard]] std::vector<Finding> diagnose_host(const Json& before, const Json& after);

}  // namespace tunneld::daemon
