// Logging: one line per event that a person cares about; nothing per packet; no secret at any level.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/log_level.h"
#include "config/diagnostic.h"

namespace tunneld::daemon {

/// Logs to stderr, without ever waiting for its reader (daemon/log_stream.h). If stderr is systemd's journal,
/// lines go to the journal's socket with fields (daemon/journald_stream.h). While that cannot be reached, they go
/// to stderr with sd-daemon(3) priorities instead of a time. `interface`: empty if the process has none.
void start_logging(log::Level level, std::string interface = {});

/// Logs the error that ends the process, to stderr even under systemd: for a datagram, the journal looks up
/// the sender's unit, which fails once the sender has ended.
void log_last_words(std::string_view words);

/// Prints to stderr, before logging starts. In the journal they get the priorities err and warning.
void print_diagnostics(const std::vector<config::Diagnostic>& diagnostics);
/// The same for the error that ends a command.
void print_error(const std::string& words);

}  // namespace tunneld::daemon
