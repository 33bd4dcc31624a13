// One daemon per interface: a lock that is taken before anything else, and that the kernel drops however we
// end.
#pragma once

#include <optional>
#include <string>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {

class InterfaceLock {
 public:
  /// flock(2) on RUN_DIRECTORY/IF.lock. nullopt: a live process holds it. Throws std::system_error (no
  /// permission).
  [[nodiscard]] static std::optional<InterfaceLock> take(const std::string& interface);
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
