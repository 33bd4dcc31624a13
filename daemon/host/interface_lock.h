// One daemon per interface: a lock that is taken before anything else, and that the kernel releases however
// we end.
//
// A lock, not a pid file: it cannot be stale. Neither the device nor the UDP port could take its place,
// because a multi-queue tun and SO_REUSEPORT let a second process of the same user in.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "daemon/host/file_lock.h"

namespace tunneld::daemon {

class InterfaceLock {
 public:
  /// flock(2) on RUN_DIRECTORY/IF.lock. nullopt: another process holds it, and did for 0.7 s. Throws
  /// std::system_error (no permission, no directory).
  [[nodiscard]] static std::optional<InterfaceLock> take(const std::string& interface);
  /// Who holds it, for people: "process 4711", with its network namespace if that is not the caller's.
  [[nodiscard]] static std::string holder(const std::string& interface);
  /// False: still held after `patience`.
  [[nodiscard]] static bool wait_until_free(const std::string& interface, std::chrono::milliseconds patience);

 private:
  explicit InterfaceLock(FileLock lock) : lock_(std::move(lock)) {}
  FileLock lock_;
};

}  // namespace tunneld::daemon
