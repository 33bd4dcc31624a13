// How often each access rule was used, for `tunneld status --json`.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "daemon/host_plan.h"

namespace tunneld::daemon {

/// docs/control_socket.md, `access`: a list, empty where no peer is restricted. Never throws for what the
/// kernel says: counters that cannot be read are left out.
[[nodiscard]] nlohmann::json access_status(const HostPlan& plan);

}  // namespace tunneld::daemon
