// A lock that all tunnelds of a machine share, whatever their run directories. Nobody else can hold it, because it
// is in /run/tunneld, where only root can write.
//
// A tunneld that has a run directory of its own and finds no /run/tunneld makes it for the lock, and removes
// it together with the lock. A directory that others made (systemd's RuntimeDirectory=) is left alone, even
// if it is empty: a service that is just starting has it mounted, and would lose it.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "daemon/host/file_lock.h"
#include "daemon/host/run_directory.h"

namespace tunneld::daemon {

class SharedLock {
 public:
  /// As FileLock::take().
  [[nodiscard]] static std::optional<SharedLock> take(const std::string& name,
                                                      std::chrono::milliseconds patience);
  /// As FileLock::holder().
  [[nodiscard]] static std::string holder(const std::string& name);

  SharedLock(SharedLock&& other) noexcept;
  SharedLock& operator=(SharedLock&&) = delete;
  ~SharedLock();

 private:
  SharedLock(SharedDirectory directory, FileLock lock);
  SharedDirectory directory_;
  std::optional<FileLock> lock_;
};

}  // namespace tunneld::daemon
