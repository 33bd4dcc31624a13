#pragma once

#include "daemon/exit_code.h"

namespace tunneld::daemon {

/// Parses the command line and runs the daemon or a subcommand.
[[nodiscard]] ExitCode run_command_line(int argc, char** argv);

}  // namespace tunneld::daemon
