// `tunneld cleanup`: undoes what killed daemons have left behind.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

enum class Cleanup : std::uint8_t {
  kEverything,
  kAllButKillSwitch,  ///< which stays as the killed run has left it
  /// Everything stays for the next run where the device is there still, because systemd keeps it (handover.h);
  /// otherwise kAllButKillSwitch.
  kNothing,
};

/// Undoes the journal of `interface`, or all journals if it is empty, unless a live daemon owns them. With
/// all journals, and if no tunneld runs in this network namespace, it also removes routes and rules that
/// carry our protocol number but are in no journal. Reports to standard output what it did, to standard error
/// what failed.
[[nodiscard]] ExitCode clean_up(const std::string& interface, Cleanup what = Cleanup::kEverything);

/// The same for the end of a service: what of it, systemd says.
[[nodiscard]] ExitCode clean_up_on_stop(const std::string& interface);

}  // namespace tunneld::daemon
