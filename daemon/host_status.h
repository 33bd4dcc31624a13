// What others have taken away of what the daemon made on the host: for `status` and `doctor`.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "daemon/diagnosis.h"

namespace tunneld::daemon {

class HostWatch;

/// The status document's `host` (docs/control_socket.md). Compares with the kernel now. Never throws.
[[nodiscard]] nlohmann::json host_status(HostWatch& watch);
/// A line for people; empty where all is as it should be.
[[nodiscard]] std::string render_host(const nlohmann::json& status);
/// From two status documents.
[[nodiscard]] std::vector<Finding> diagnose_host(const nlohmann::json& before, const nlohmann::json& after);

}  // namespace tunneld::daemon
