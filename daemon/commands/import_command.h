#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

struct ImportOptions {
  std::string file;
  std::string directory = ".";
};

/// `tunneld import`: a wg-quick file becomes a configuration and its key files, INTERFACE.yaml, INTERFACE.key
/// and INTERFACE-PEER.psk in the directory. All are written or none, and none is overwritten. What tunneld
/// does not do is named with its line.
[[nodiscard]] ExitCode import_wg_quick(const ImportOptions& options);

}  // namespace tunneld::daemon
