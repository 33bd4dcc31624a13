#pragma once

namespace tunneld::daemon {

/// What the process ends with; part of the interface, for scripts.
enum class ExitCode : int {
  kFine = 0,
  kRuntimeFailure = 1,
  kBadUsage = 2,      ///< of the command line or the configuration
  kNotPermitted = 3,  ///< root, or CAP_NET_ADMIN, is needed
  kTimedOut = 4,      ///< of `tunneld wait`
};

}  // namespace tunneld::daemon
