#pragma once

#include <string>

#include "config/wg_quick/wg_quick.h"
#include "daemon/exit_code.h"

namespace tunneld::daemon {

struct ExportOptions {
  std::string config;
  /// Empty: standard output.
  std::string output;
};

/// `tunneld export`: the interface as a file for wg-quick, with its keys. Settings that wg-quick does not have are
/// listed on stderr. Never overwrites a file.
[[nodiscard]] ExitCode export_wg_quick(const ExportOptions& options);

/// The same words for the file of a client.
void print_left_out(const config::WgQuickText& file);

}  // namespace tunneld::daemon
