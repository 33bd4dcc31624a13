// `tunneld cleanup`: undoes what killed daemons have left behind.
#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

/// Undoes the journal of `interface`, or of all if it is empty, where no live daemon has it. Of all, and
/// where no tunneld runs in this network namespace, also routes and rules that carry our protocol number in
/// no journal. Says on standard output what it did, on standard error what it could not.
/// With `kept_closed`, a kill switch stays as the killed run has left it.
[[nodiscard]] ExitCode clean_up(const std::string& interface, bool kept_closed = false);

}  // namespace tunneld::daemon
