// `tunneld wait`: for units and scripts that need the tunnel itself, not only its daemon.
#pragma once

#include <optional>
#include <string>

#include "common/clock.h"
#include "common/json.h"
#include "daemon/exit_code.h"

namespace tunneld::daemon {

struct WaitOptions {
  /// May be empty: the only one that is up, now or later.
  std::string interface;
  /// For the server's configuration, instead of a session with any peer.
  bool configured = false;
  /// As written on the command line; empty: no limit.
  std::string timeout;
};

/// Why `status` does not fulfil the condition yet, in words; nullopt: it does. Throws ControlError if waiting is
/// useless.
[[nodiscard]] std::optional<std::string> missing_in(const Json& status, bool configured);

/// kTimedOut after the timeout. May begin before the daemon does. Throws ControlError.
[[nodiscard]] ExitCode wait_for_tunnel(const WaitOptions& options);

}  // namespace tunneld::daemon
