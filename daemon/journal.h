// The write-ahead journal of host changes: RUN_DIRECTORY/IF.journal, one JSON object a line.
//
// A change is written before it is made, so whatever kills the daemon, the file names at least all that was
// done. The directory is on tmpfs: a reboot forgets the journal together with what it describes, and no fsync
// is needed. A line torn by a crash is one whose change was never made, and is ignored.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/net/file_descriptor.h"
#include "daemon/host_change.h"

namespace tunneld::daemon {

class Journal {
 public:
  /// Starts an empty journal (0600). Throws std::system_error.
  explicit Journal(const std::string& interface);
  /// Throws std::system_error: the change must not be made then.
  void append(const HostChange& change);
  /// Everything is undone.
  void remove() noexcept;

  /// What a journal that was left behind says, in the order it was done; nullopt if there is none.
  [[nodiscard]] static std::optional<std::vector<HostChange>> read(const std::string& interface);
  static void remove_left_behind(const std::string& interface) noexcept;

 private:
  std::string path_;
  net::FileDescriptor file_;
};

}  // namespace tunneld::daemon
