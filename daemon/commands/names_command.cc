#include "daemon/commands/names_command.h"

#include <system_error>

#include "common/log.h"
#include "daemon/host/dns/names_helper.h"
#include "daemon/logging.h"

namespace tunneld::daemon {

ExitCode help_with_names() {
  start_logging(log::Level::kInfo);
  try {
    serve_names();
    return ExitCode::kFine;
  } catch (const std::system_error& error) {
    log::error("{}", error.what());
    return ExitCode::kRuntimeFailure;
  }
}

}  // namespace tunneld::daemon
