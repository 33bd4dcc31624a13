// One daemon per interface: a lock that is taken before anything else, and that the kernel drops however we
// end.
//
// A lock, not a pid file: it cannot be stale. Neither the device nor the UDP port could take its place,
// because a multi-queue tun and SO_REUSEPORT let a second process of the same user in.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/net/file_descriptor.h"

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

  InterfaceLock(InterfaceLock&&) = default;
  InterfaceLock& operator=(InterfaceLock&&) = delete;
  /// Removes the file while still holding it.
  ~InterfaceLock();

 private:
  InterfaceLock(std::string interface, net::FileDescriptor file)
      : interface_(std::move(interface)), file_(std::move(file)) {}
  std::string interface_;
  net::FileDescriptor file_;
};

}  // namespace tunneld::daemon
