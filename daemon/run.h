#pragma once

#include <optional>
#include <string>

#include "common/log_level.h"
#include "daemon/exit_code.h"

namespace tunneld::daemon {

struct RunOptions {
  std::string config;
  /// Overrides the configuration's log level.
  std::optional<log::Level> log_level;
};

/// Runs the daemon in the foreground until a signal, `tunneld down`, or the deletion of the device.
[[nodiscard]] ExitCode run_daemon(const RunOptions& options);

}  // namespace tunneld::daemon
