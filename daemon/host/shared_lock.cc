#include "daemon/host/shared_lock.h"

#include <system_error>
#include <utility>

#include <unistd.h>

namespace tunneld::daemon {
namespace {

/// How often others may remove the directory between our check and our lock.
constexpr int kTries = 10;

}  // namespace

std::optional<SharedLock> SharedLock::take(const std::string& name, std::chrono::milliseconds patience) {
  for (int i = 1;; ++i) {
    SharedDirectory directory = make_shared_directory();
    try {
      auto lock = FileLock::take(directory.path / name, patience);
      if (!lock) return std::nullopt;
      return SharedLock(std::move(directory), std::move(*lock));
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::no_such_file_or_directory || i == kTries) throw;
    }
  }
}

std::string SharedLock::holder(const std::string& name) {
  return FileLock::holder(make_shared_directory().path / name);
}

SharedLock::SharedLock(SharedDirectory directory, FileLock lock)
    : directory_(std::move(directory)), lock_(std::move(lock)) {}

SharedLock::SharedLock(SharedLock&& other) noexcept
    : directory_(std::move(other.directory_)), lock_(std::move(other.lock_)) {
  other.lock_.reset();
}

SharedLock::~SharedLock() {
  if (!lock_) return;
  lock_.reset();
  // Not while somebody else's lock is in it.
  if (directory_.is_passing) ::rmdir(directory_.path.c_str());
}

}  // namespace tunneld::daemon
