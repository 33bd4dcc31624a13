// A mount namespace with a /run of its own: what is shared by all tunnelds of a machine is this process's alone.
#pragma once

#include <sched.h>
#include <sys/mount.h>

namespace tunneld::daemon {

/// For the rest of the process. False where that is not permitted.
inline bool have_own_run() {
  static const bool kOwn = unshare(CLONE_NEWNS) == 0 &&
                           mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                           mount("run", "/run", "tmpfs", 0, nullptr) == 0;
  return kOwn;
}

}  // namespace tunneld::daemon
