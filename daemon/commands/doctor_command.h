#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

/// `tunneld doctor`: watches a running interface for some seconds and says what keeps its peers, or one of
/// them, from talking. kRuntimeFailure where something is wrong. Throws ControlError.
[[nodiscard]] ExitCode examine(const std::string& interface, const std::string& peer);

}  // namespace tunneld::daemon
