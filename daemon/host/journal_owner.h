// Who wrote a journal, so that nobody undoes the changes of a live daemon, or of another network namespace.
//
// The interface's lock says the same, but a lock file can be deleted from under its holder, and network
// namespaces share /run: the journal of a daemon that was killed in another namespace describes routes of
// that one, not of ours.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "common/json.h"

namespace tunneld::daemon {

struct JournalOwner {
  pid_t pid = 0;
  /// Clock ticks from boot to the start of the process (proc(5), stat, field 22): pids are reused, this is
  /// not.
  std::string started;
  /// "net:[4026531840]": the name of the network namespace in /proc and in the mount table.
  std::string network_namespace;
  /// The kernel's boot ID, random for each boot.
  std::string boot;

  [[nodiscard]] static JournalOwner self();
  /// Its process still runs.
  [[nodiscard]] bool is_alive() const;
  /// Its network namespace is held by a process or a mount; without it, all that was changed in it is gone.
  [[nodiscard]] bool namespace_exists() const;

  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<JournalOwner> from_json(const Json& json);
};

}  // namespace tunneld::daemon
