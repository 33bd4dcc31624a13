#include "daemon/host/dns/resolv_conf_watch.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <sys/inotify.h>
#include <unistd.h>

#include "daemon/host/dns/resolv_conf_file.h"

namespace tunneld::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kInDirectory =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kAtFile = IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF;
/// The kernel follows no more (path_resolution(7)).
constexpr int kMostLinks = 40;

bool has_directory(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

}  // namespace

ResolvConfWatch::ResolvConfWatch() : inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (!inotify_.is_open()) throw std::system_error(errno, std::generic_category(), "inotify");
}

bool ResolvConfWatch::watch(const std::vector<std::string>& paths) {
  Watched now;
  for (const std::string& path : paths) follow(now, path);
  for (const auto& [number, watched] : watched_) {
    if (!now.contains(number)) ::inotify_rm_watch(inotify_.get(), number);
  }
  watched_ = std::move(now);
  return !watched_.empty();
}

void ResolvConfWatch::add(Watched& watched, const fs::path& path, const std::string& name) const {
  const int number = ::inotify_add_watch(inotify_.get(), path.c_str(), name.empty() ? kAtFile : kInDirectory);
  if (number < 0) return;
  watched[number].path = path;
  watched[number].names.insert(name);
}

void ResolvConfWatch::follow(Watched& watched, const std::string& path) const {
  fs::path at = path;
  for (int i = 0; i < kMostLinks; ++i) {
    fs::path directory = at.parent_path();
    fs::path name = at.filename();
    // If the directory does not exist yet, the part of its path that exists is watched.
    while (!has_directory(directory) && directory.has_relative_path()) {
      name = directory.filename();
      directory = directory.parent_path();
    }
    add(watched, directory, name);
    std::error_code error;
    if (!fs::is_symlink(at, error)) break;
    const fs::path target = fs::read_symlink(at, error);
    const fs::path real_directory = fs::canonical(directory, error);
    if (error) break;
    at = (real_directory / target).lexically_normal();
  }
  if (is_mounted_upon(at)) add(watched, at, "");
}

ResolvConfWatch::Notice ResolvConfWatch::read() {
  Notice most = Notice::kNone;
  alignas(inotify_event) std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t size = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return most;
    for (ssize_t i = 0; i < size;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + i, sizeof event);
      const char* name = event.len == 0 ? "" : buffer.data() + i + sizeof event;
      most = std::max(most, meaning(event.wd, event.mask, name));
      i += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
}

ResolvConfWatch::Notice ResolvConfWatch::meaning(int number, std::uint32_t mask, const std::string& name) {
  if ((mask & IN_Q_OVERFLOW) != 0) return Notice::kDone;
  const auto watched = watched_.find(number);
  // The watch has been removed in the meantime.
  if (watched == watched_.end()) return Notice::kNone;
  if ((mask & IN_IGNORED) != 0) {
    watched_.erase(watched);
    return Notice::kUnfinished;
  }
  if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0) return Notice::kUnfinished;
  if (!watched->second.names.contains(name)) return Notice::kNone;
  if ((mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0) return Notice::kDone;
  if ((mask & IN_CREATE) == 0) return Notice::kUnfinished;
  std::error_code error;
  const fs::file_status made = fs::symlink_status(watched->second.path / name, error);
  return fs::is_symlink(made) || fs::is_directory(made) ? Notice::kDone : Notice::kUnfinished;
}

}  // namespace tunneld::daemon
