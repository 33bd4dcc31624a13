#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

struct CheckOptions {
  std::string config;
  bool show = false;
  bool plan = false;
  /// Nothing else, and of no file.
  bool schema = false;
};

/// Diagnostics go to stderr, the requested output to stdout. Key files that this user may not read cause only
/// a warning.
[[nodiscard]] ExitCode check_config(const CheckOptions& options);

}  // namespace tunneld::daemon
