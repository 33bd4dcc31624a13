#pragma once

#include "config/config.h"
#include "config/diagnostic.h"

namespace tunneld::daemon {

/// Warnings for addresses and names of the ranges that are for documents only (RFC 5737, 3849, 9637, 2606):
/// what a recipe or `init` has put where one's own belongs.
[[nodiscard]] config::Diagnostics example_addresses(const config::Config& config);

}  // namespace tunneld::daemon
