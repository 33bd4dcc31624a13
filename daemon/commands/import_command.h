#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

struct ImportOptions {
  std::string file;
  std::string directory = ".";
};

/// `tunneld import`: converts a wg-quick file to a configuration and its key files, INTERFACE.yaml,
/// INTERFACE.key and INTERFACE-PEER.psk in the directory. Writes all of them or none, and never overwrites a
/// file. Settings that tunneld does not support are reported with their line. An OpenVPN profile is named as such, with
/// what of it has a place in a configuration.
[[nodiscard]] ExitCode import_wg_quick(const ImportOptions& options);

}  // namespace tunneld::daemon
