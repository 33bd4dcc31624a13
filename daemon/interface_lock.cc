#include "daemon/interface_lock.h"

#include <cerrno>
#include <fstream>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/journal_owner.h"
#include "daemon/run_directory.h"

namespace tunneld::daemon {
namespace {

constexpr std::chrono::milliseconds kPoll{20};
/// A killed daemon holds its lock until the kernel has taken its device apart: no reason to refuse a
/// successor.
constexpr std::chrono::milliseconds kPatience{700};

[[noreturn]] void throw_errno(const std::filesystem::path& path) {
  throw std::system_error(errno, std::generic_category(), path.string());
}

/// False: somebody else has the lock.
bool lock(const net::FileDescriptor& file, const std::filesystem::path& path) {
  while (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw_errno(path);
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

/// For holder() alone; the lock does not need it.
void write_holder(const net::FileDescriptor& file) {
  const std::string text = JournalOwner::self().to_json().dump() + "\n";
  if (ftruncate(file.get(), 0) == 0) {
    [[maybe_unused]] const ssize_t written = pwrite(file.get(), text.data(), text.size(), 0);
  }
}

}  // namespace

std::optional<InterfaceLock> InterfaceLock::take(const std::string& interface) {
  const std::filesystem::path path = lock_path(interface);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    net::FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.is_open()) throw_errno(path);
    if (!lock(file, path)) {
      if (std::chrono::steady_clock::now() >= end) return std::nullopt;
      std::this_thread::sleep_for(kPoll);
      continue;
    }
    if (!is_still_named(file, path)) continue;
    write_holder(file);
    return InterfaceLock(interface, std::move(file));
  }
}

InterfaceLock::~InterfaceLock() {
  if (file_.is_open()) unlink(lock_path(interface_).c_str());
}

std::string InterfaceLock::holder(const std::string& interface) {
  std::ifstream file(lock_path(interface));
  const auto json = nlohmann::json::parse(file, nullptr, false);
  const auto owner = JournalOwner::from_json(json);
  if (!owner) return "another process";
  std::string words = "process " + std::to_string(owner->pid);
  if (owner->network_namespace != JournalOwner::self().network_namespace) {
    words += " in another network namespace; give each namespace a TUNNELD_RUN_DIR of its own";
  }
  return words;
}

bool InterfaceLock::wait_until_free(const std::string& interface, std::chrono::milliseconds patience) {
  const std::filesystem::path path = lock_path(interface);
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const net::FileDescriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!file.is_open() || lock(file, path)) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace tunneld::daemon
