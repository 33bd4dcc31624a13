// Finds out why the service manager has sent SIGTERM, which the signal itself does not tell.
//
// A stop on request opens a kill switch. The stop that is the first half of a restart (by hand, by a package
// upgrade) must not open it, nor the stop at the beginning of a machine's shutdown, while its network is
// still up. systemd knows: the unit's job is of type "restart", or the system's state is "stopping".
#pragma once

#include <cstdint>

namespace tunneld::daemon {

enum class StopReason : std::uint8_t {
  kAsked,    ///< also if unknown: this is not a service of systemd, or systemd does not answer
  kRestart,  ///< a start follows
  kShutdown,
};

/// Asks the system's systemd, for at most half a second. Never throws.
[[nodiscard]] StopReason stop_reason() noexcept;

}  // namespace tunneld::daemon
