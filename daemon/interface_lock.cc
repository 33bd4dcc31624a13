#include "daemon/interface_lock.h"

#include <chrono>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/run_directory.h"

namespace tunneld::daemon {
namespace {

/// A killed daemon holds its lock until the kernel has taken its devices apart; that is no reason to refuse
/// its successor.
constexpr int kAttempts = 20;
constexpr auto kPause = std::chrono::milliseconds(25);

bool lock_patiently(int fd) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    std::this_thread::sleep_for(kPause);
  }
  return false;
}

}  // namespace

std::optional<InterfaceLock> InterfaceLock::take(const std::string& interface) {
  const std::filesystem::path path = lock_path(interface);
  for (;;) {
    net::FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.get() < 0) throw std::system_error(errno, std::generic_category(), path.string());
    if (!lock_patiently(file.get())) return std::nullopt;
    // The last holder may have removed the file between our open and our lock: then ours locks nothing.
    struct stat held {};
    struct stat named {};
    if (fstat(file.get(), &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino) {
      return InterfaceLock(interface, std::move(file));
    }
  }
}

InterfaceLock::~InterfaceLock() {
  if (file_.get() >= 0) unlink(lock_path(interface_).c_str());
}

}  // namespace tunneld::daemon
