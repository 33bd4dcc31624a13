// Ensures that there is one daemon per interface, with a lock that is taken first. The kernel releases it however
// the daemon ends.
//
// Unlike a pid file, a lock cannot be stale. The device or the UDP port could not serve as a lock, because a
// multi-queue tun and SO_REUSEPORT let in a second process of the same user.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "daemon/host/file_lock.h"

namespace tunneld::daemon {

class InterfaceLock {
 public:
  /// flock(2) on RUN_DIRECTORY/IF.lock. nullopt: another process has held it for 0.7 s. Throws
  /// std::system_error (no permission, no directory).
  [[nodiscard]] static std::optional<InterfaceLock> take(const std::string& interface);
  /// The holder, for people: "process 4711", with its network namespace if that is not the caller's.
  [[nodiscard]] static std::string holder(const std::string& interface);
  /// False: still held after `patience`.
  [[nodiscard]] static bool wait_until_free(const std::string& interface, std::chrono::milliseconds patience);

 private:
  explicit InterfaceLock(FileLock lock) : lock_(std::move(lock)) {}
  FileLock lock_;
};

}  // namespace tunneld::daemon
