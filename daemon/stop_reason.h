// Finds out why the service manager has sent SIGTERM, which the signal itself does not tell.
//
// A stop on request opens a kill switch. The stop that is the first half of a restart (by hand, by a package
// upgrade) must not open it, nor the stop at the beginning of a machine's shutdown, while its network is
// still up. systemd knows: the unit's job is of type "restart", or the system's state is "stopping".
//
// The daemon asks over the system bus, and stays closed where nobody answers. What it has left closed, because
// of that or because it hung or was killed, is a matter of `tunneld cleanup --on-stop`: of
// tunneld-kill-switch@.service, which is stopped with the daemon's and, as root, can ask systemd itself.
#pragma once

#include <chrono>
#include <cstdint>

namespace tunneld::daemon {

enum class StopReason : std::uint8_t {
  kAsked,     ///< also if this is no service of systemd
  kByItself,  ///< it has crashed, or somebody has sent the signal
  kRestart,   ///< a start follows
  kShutdown,
  kUnknown,  ///< a service, and systemd does not answer
};

/// Of the service that we are part of: asks the system's systemd, for no longer than `patience`. Never throws.
[[nodiscard]] StopReason stop_reason(
    std::chrono::milliseconds patience = std::chrono::milliseconds(500)) noexcept;

/// Whether systemd has started this process as part of a service.
[[nodiscard]] bool is_service() noexcept;

}  // namespace tunneld::daemon
