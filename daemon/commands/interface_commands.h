// `tunneld status`, `reload` and `down`: what is asked of a running interface.
#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

// `interface` may be empty where only one is up. All throw ControlError.
[[nodiscard]] ExitCode show_status(const std::string& interface, bool json);
[[nodiscard]] ExitCode reload(const std::string& interface);
[[nodiscard]] ExitCode bring_down(const std::string& interface);

/// What the configuration in `path` calls its interface.
[[nodiscard]] std::string interface_of(const std::string& path);

}  // namespace tunneld::daemon
