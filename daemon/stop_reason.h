// Finds out why the service manager has sent SIGTERM, because the signal does not tell.
//
// A stop on request opens a kill switch. Two other stops must not open it: the first half of a restart (by hand,
// or by a package upgrade), and the beginning of a shutdown, while the network is still up. systemd knows the
// difference: the unit's job is of type "restart", or the system's state is "stopping".
//
// The daemon asks over the system bus. If nobody answers, or if the daemon hung or was killed, the kill switch
// stays closed. `tunneld cleanup --on-stop` decides later whether to open it. It is called by
// tunneld-kill-switch@.service, which is stopped with the daemon's unit and, as root, can ask systemd directly.
#pragma once

#include <chrono>
#include <cstdint>

namespace tunneld::daemon {

enum class StopReason : std::uint8_t {
  kAsked,     ///< also if this process is no service of systemd
  kByItself,  ///< it has crashed, or somebody has sent it a signal
  kRestart,   ///< a start follows
  kShutdown,
  kUnknown,  ///< it is a service, but systemd does not answer
};

/// Asks the system's systemd about the service that this process is part of. Waits no longer than `patience`.
/// Never throws.
[[nodiscard]] StopReason stop_reason(
    std::chrono::milliseconds patience = std::chrono::milliseconds(500)) noexcept;

/// Whether systemd has started this process as part of a service.
[[nodiscard]] bool is_service() noexcept;

}  // namespace tunneld::daemon
