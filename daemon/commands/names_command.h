// `tunneld names-helper`, of tunneld-names.service (daemon/host/dns/names_helper.h).
#pragma once

#include "daemon/exit_code.h"

namespace tunneld::daemon {

[[nodiscard]] ExitCode help_with_names();

}  // namespace tunneld::daemon
