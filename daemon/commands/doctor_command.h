#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

/// `tunneld doctor`: watches a running interface for some seconds and reports why its peers, or one of them,
/// cannot communicate. Returns kRuntimeFailure if something is wrong. Throws ControlError.
[[nodiscard]] ExitCode examine(const std::string& interface, const std::string& peer);

}  // namespace tunneld::daemon
