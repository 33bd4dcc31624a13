// Settings of the whole host that several tunnelds need at once: forwarding, and sysctls that are not an
// interface's.
//
// Each of them has the setting in its journal, with the value from before the first of them. One that finds
// it made by another takes that value over from the other's journal. When one ends while another still needs
// the setting, it leaves the setting to that one; the last one restores it. The journals are those of one run
// directory; owners in other network namespaces have settings of their own.
#pragma once

#include "common/net/file_descriptor.h"
#include "daemon/host/host_change.h"

namespace tunneld::daemon {

/// Keeps other tunnelds of the run directory from making or undoing shared settings, because a decision holds
/// only as long as the journals do not change. flock(2) on the directory: nothing to clean up. Waits for at
/// most 1 s: a process that hangs must not stop the others. Never throws.
class SharedSettingsLock {
 public:
  /// Nothing for a change that is not of this kind.
  explicit SharedSettingsLock(const HostChange& change) noexcept;

 private:
  net::FileDescriptor directory_;
};

/// Another tunneld, alive or killed, has made this setting: takes over what was there before. False: nobody has.
/// Never throws.
[[nodiscard]] bool inherit_setting(HostChange& change) noexcept;
/// A live one has it in its journal. Never throws.
[[nodiscard]] bool is_needed_by_others(const HostChange& change) noexcept;

}  // namespace tunneld::daemon
