#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

/// `tunneld init site`: a link needs two ends that know each other's keys, so both are written, DIR/site-a
/// and DIR/site-b, each with its keys and a commented site.yaml that passes `tunneld check`. Existing files
/// are not touched.
[[nodiscard]] ExitCode init_site_to_site(const std::string& directory);

}  // namespace tunneld::daemon
