// Logging: one line per event that a person cares about; nothing per packet; no secret at any level.
#pragma once

#include <string>
#include <vector>

#include "common/log_level.h"
#include "config/diagnostic.h"

namespace tunneld::daemon {

/// Logs to stderr, without ever waiting for its reader (daemon/log_stream.h). Under systemd (stderr is the
/// journal) lines carry sd-daemon(3) priorities instead of a time.
void start_logging(log::Level level);

/// Prints to stderr, before a daemon runs. In the journal they get the priorities err and warning.
void print_diagnostics(const std::vector<config::Diagnostic>& diagnostics);

}  // namespace tunneld::daemon
