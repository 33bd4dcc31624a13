#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

struct ExportOptions {
  std::string config;
  /// Empty: standard output.
  std::string output;
};

/// `tunneld export`: the interface as a file for wg-quick, with its keys. What wg-quick has no words for is
/// named on stderr. Never overwrites a file.
[[nodiscard]] ExitCode export_wg_quick(const ExportOptions& options);

}  // namespace tunneld::daemon
