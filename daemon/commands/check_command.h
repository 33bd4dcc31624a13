#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

struct CheckOptions {
  std::string config;
  bool show = false;
  bool plan = false;
};

/// Diagnostics go to stderr, what was asked for to stdout. Key files that this user may not read are a
/// warning.
[[nodiscard]] ExitCode check_config(const CheckOptions& options);

}  // namespace tunneld::daemon
