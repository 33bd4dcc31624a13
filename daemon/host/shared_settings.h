// Settings of the whole host that several tunnelds need at once: forwarding, and sysctls that are not an
// interface's.
//
// Each of them has the setting in its journal, with the value from before the first of them. One that finds
// it made by another takes that value over from the other's journal. Whoever ends leaves the setting alone while
// another journal has it: the run, restart or clean-up that empties the last journal restores it. Whether the
// other run is alive does not matter: between the two runs of a restart none is, and a service cannot see
// processes of other services. The journals are those of one run directory; owners in other network namespaces
// have settings of their own.
#pragma once

#include "common/net/file_descriptor.h"
#include "daemon/host/host_change.h"
#include "daemon/host/journal.h"

namespace tunneld::daemon {

/// Keeps other tunnelds of the run directory from making or undoing shared settings, because a decision holds
/// only as long as the journals do not change. flock(2) on the directory: nothing to clean up. Waits for at
/// most 0.2 s and goes on without, because anybody may hold it. Never throws.
class SharedSettingsLock {
 public:
  /// Nothing for a change that is not of this kind.
  explicit SharedSettingsLock(const HostChange& change) noexcept;

 private:
  net::FileDescriptor directory_;
};

/// Another journal than `own` has this setting: takes over what was there before. False: none has. Never throws.
[[nodiscard]] bool inherit_setting(HostChange& change, const Journal& own) noexcept;
/// Another journal than `own` has it, so it is not to be undone yet. Never throws.
[[nodiscard]] bool is_in_other_journals(const HostChange& change, const Journal& own) noexcept;

}  // namespace tunneld::daemon
