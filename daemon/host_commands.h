#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

/// `tunneld cleanup`: undoes the journals of dead daemons; of `interface`, or of all.
[[nodiscard]] ExitCode clean_up(const std::string& interface);
/// Waits up to 10 s for a daemon that was asked to stop to let its lock go.
[[nodiscard]] bool wait_until_gone(const std::string& interface);

}  // namespace tunneld::daemon
