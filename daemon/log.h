// Logging: one line per event that a person cares about; nothing per packet; no secret at any level.
#pragma once

#include <string>

#include "config/config.h"

namespace tunneld::daemon {

/// To stderr. Under systemd (stderr is the journal) lines carry sd-daemon(3) priorities instead of a time.
void start_logging(config::LogLevel level);
void set_log_level(config::LogLevel level);
/// "trace", "debug", "info", "warning" or "error"; false for anything else.
[[nodiscard]] bool set_log_level(const std::string& name);

}  // namespace tunneld::daemon
