#pragma once

#include "config/config.h"
#include "config/diagnostic.h"

namespace tunneld::daemon {

/// Warnings for addresses and names from the ranges for documentation (RFC 5737, 3849, 9637, 2606), which a recipe
/// or `init` has put in the place of real ones.
[[nodiscard]] config::Diagnostics example_addresses(const config::Config& config);

}  // namespace tunneld::daemon
