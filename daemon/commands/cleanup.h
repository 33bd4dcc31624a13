// `tunneld cleanup`: undoes what killed daemons have left behind.
#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

/// Undoes the journal of `interface`, or all journals if it is empty, unless a live daemon owns them. With
/// all journals, and if no tunneld runs in this network namespace, it also removes routes and rules that
/// carry our protocol number but are in no journal. Reports to standard output what it did, to standard error
/// what failed. With `kept_closed`, a kill switch stays as the killed run has left it.
[[nodiscard]] ExitCode clean_up(const std::string& interface, bool kept_closed = false);

/// For the end of a service: a kill switch is opened only where systemd says that somebody has asked for a stop.
[[nodiscard]] bool stays_closed_on_stop();

}  // namespace tunneld::daemon
