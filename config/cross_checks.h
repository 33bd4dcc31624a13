// Checks that need the whole configuration: every section and every included file.
#pragma once

#include "config/config.h"
#include "config/diagnostic.h"

namespace tunneld::config {

/// Peers that share a name, a key or a network; an MTU too small for IPv6; a peer whose endpoint would be
/// routed into the tunnel that it carries (a warning: a more specific route may prevent it). Skips values
/// that could not be read: an empty name, a key of zeros.
void check_across(const Config& config, Diagnostics& diagnostics);
/// Its checks of tun and tap (tap_checks.cc).
void check_layer(const Config& config, Diagnostics& diagnostics);

}  // namespace tunneld::config
