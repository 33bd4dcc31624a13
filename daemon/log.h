// Logging: one line per event that a person cares about; nothing per packet; no secret at any level.
#pragma once

#include <string>
#include <vector>

#include "common/log_level.h"
#include "config/diagnostic.h"

namespace tunneld::daemon {

/// To stderr, without ever waiting for whoever reads it (daemon/log_stream.h). Under systemd (stderr is the
/// journal) lines carry sd-daemon(3) priorities instead of a time.
void start_logging(log::Level level);

/// To stderr, before a daemon runs. To the journal with the priorities that they have: err and warning.
void print_diagnostics(const std::vector<config::Diagnostic>& diagnostics);

}  // namespace tunneld::daemon
