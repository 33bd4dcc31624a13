#include "daemon/host/file_lock.h"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/system_error.h"

namespace tunneld::daemon {
namespace {

constexpr std::chrono::milliseconds kPoll{20};

/// False: somebody else has the lock.
bool lock(const net::FileDescriptor& file, const std::filesystem::path& path) {
  while (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) fail(errno, path);
  }
  return true;
}

/// The last holder may have removed the file between our open and our lock: then ours locks nothing.
bool is_still_named(const net::FileDescriptor& file, const std::filesystem::path& path) {
  struct stat held {};
  struct stat named {};
  return fstat(file.get(), &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

}  // namespace

std::optional<FileLock> FileLock::take(const std::filesystem::path& path,
                                       std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    net::FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.is_open()) fail(errno, path);
    if (!lock(file, path)) {
      if (std::chrono::steady_clock::now() >= end) return std::nullopt;
      std::this_thread::sleep_for(kPoll);
      continue;
    }
    if (is_still_named(file, path)) return FileLock(path, std::move(file));
  }
}

bool FileLock::wait_until_free(const std::filesystem::path& path, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const net::FileDescriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!file.is_open() && errno != ENOENT) fail(errno, path);
    if (!file.is_open() || lock(file, path)) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kPoll);
  }
}

// A line of /proc/locks: "1: FLOCK  ADVISORY  WRITE 4711 fd:00:2531452 0 EOF". Its device is not always the
// one that stat() has (btrfs, overlayfs), so the file's number decides.
std::string FileLock::holder(const std::filesystem::path& path) {
  std::string unknown = "another process";
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return unknown;
  const std::string number = ":" + std::to_string(status.st_ino);
  std::ifstream locks("/proc/locks");
  std::string line;
  while (std::getline(locks, line)) {
    std::istringstream words(line);
    std::string skipped, kind, pid, file;
    words >> skipped >> kind >> skipped >> skipped >> pid >> file;
    if (kind != "FLOCK" || !file.ends_with(number)) continue;
    std::ifstream comm("/proc/" + pid + "/comm");
    std::string name;
    return std::getline(comm, name) ? name + " (pid " + pid + ")" : unknown;
  }
  return unknown;
}

FileLock::~FileLock() {
  if (file_.is_open()) unlink(path_.c_str());
}

}  // namespace tunneld::daemon
