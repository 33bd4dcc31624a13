// `tunneld cleanup`: undoes what killed daemons have left behind.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

enum class Cleanup : std::uint8_t {
  kEverything,
  kAllButKillSwitch,  ///< the kill switch stays as the killed run has left it
};

/// Undoes the journal of `interface`, with what was set aside for this network namespace, or all journals if it is
/// empty, unless a live daemon owns them. With
/// all journals, and if no tunneld runs in this network namespace, it also removes routes and rules that
/// carry our protocol number but are in no journal. Reports to standard output what it did, to standard error
/// what failed.
[[nodiscard]] ExitCode clean_up(const std::string& interface, Cleanup what = Cleanup::kEverything);

/// The same for a unit that systemd stops together with the daemon's. The reason that systemd gives decides what is
/// undone. Waits until the daemon has ended.
[[nodiscard]] ExitCode clean_up_on_stop(const std::string& interface);

/// A service that is refused because of its configuration is not started again (RestartPreventExitStatus= of our
/// unit), so nobody comes who would take over or undo what a killed run has left. This does, except for a kill
/// switch.
void clean_up_after_refusal(const std::string& config);

}  // namespace tunneld::daemon
