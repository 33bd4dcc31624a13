// Running without CAP_NET_ADMIN, on a device that root has made: what is as wanted needs no privilege, and
// what is not is told as the commands that root has to run.
#pragma once

#include <string>
#include <vector>

#include "daemon/host/host_change.h"

namespace tunneld::daemon {

/// Whether this process has CAP_NET_ADMIN.
[[nodiscard]] bool may_change_network();

/// Words that follow an error: the commands with which root can set up what `wanted` still lacks. Empty where
/// no command can. Never throws.
[[nodiscard]] std::string missing_for_root(const std::vector<HostChange>& wanted);

}  // namespace tunneld::daemon
