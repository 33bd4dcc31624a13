// Why the service manager has sent SIGTERM, which the signal does not say.
//
// A stop that somebody has asked for opens a kill switch. The stop that is the first half of a restart (by
// hand, by a package's upgrade) must not, nor the one that a machine begins its shutdown with, while its
// network is still up. systemd knows: the unit's job is of type "restart", the system's state is "stopping".
#pragma once

#include <cstdint>

namespace tunneld::daemon {

enum class StopReason : std::uint8_t {
  kAsked,    ///< or nobody knows: this is no service of systemd's, or it does not answer
  kRestart,  ///< a start follows
  kShutdown,
};

/// Asks the system's systemd, for half a second at most. Never throws.
[[nodiscard]] StopReason stop_reason() noexcept;

}  // namespace tunneld::daemon
