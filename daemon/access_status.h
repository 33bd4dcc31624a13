// How often each access rule was used, for `tunneld status --json`.
#pragma once

#include <string>

#include "common/json.h"
#include "daemon/host/access_plan.h"

namespace tunneld::daemon {

/// docs/control_socket.md, `access`: a list, empty where no peer is restricted. Counters that cannot be read
/// are left out; the kernel's errors are not thrown.
[[nodiscard]] Json access_status(const std::string& interface, const AccessPlan& access);

}  // namespace tunneld::daemon
