#include "daemon/host/dns/resolv_conf_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/net/file_descriptor.h"
#include "common/system_error.h"
#include "daemon/host/dns/write_in_place.h"
#include "daemon/host/shared_lock.h"
#include "daemon/host/state_file.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

/// glibc reads a few lines; a larger file is no resolv.conf.
constexpr std::size_t kLargest = 1U << 20;
/// The number of tries if the file changes while it is edited.
constexpr int kEdits = 5;
/// For a program that is writing the file in place. Most do so within a millisecond; one that keeps the file open
/// must not stop us.
constexpr auto kWriterPatience = 1000ms;
/// Other tunnelds hold the lock for some milliseconds only.
constexpr auto kLockPatience = 1000ms;
/// It cannot be an interface's file: those end in .lock, .journal or .sock.
constexpr const char* kLock = "resolv.conf-lock";

/// The file that the links lead to, whether or not it exists.
std::filesystem::path real_path(const std::string& path) {
  std::error_code error;
  auto real = std::filesystem::canonical(path, error);
  if (error) real = std::filesystem::weakly_canonical(std::filesystem::path(path), error);
  // Separate, because symlink_status() also sets it if there is no file, which is no error here.
  std::error_code no_file;
  if (!error && std::filesystem::is_symlink(std::filesystem::symlink_status(real, no_file))) {
    const auto target = std::filesystem::read_symlink(real, error);
    if (!error) real = std::filesystem::weakly_canonical(real.parent_path() / target, error);
  }
  if (error) fail(error.value(), path);
  return real;
}

void write_whole_file(int fd, const std::string& text, const std::string& path) {
  write_all(fd, text, path);
  if (::ftruncate(fd, static_cast<off_t>(text.size())) != 0) fail(errno, path);
  if (::fsync(fd) != 0) fail(errno, path);
}

/// Whether the lock keeps other tunnelds away from the file in the meantime.
enum class Kept : std::uint8_t { kAway, kNot };

/// All tunnelds use one name, so that the next one cleans up after a kill. A tunneld without the lock uses
/// another one, so that nobody renames a file that somebody else is writing.
std::filesystem::path hidden_name(const std::filesystem::path& path, Kept kept) {
  return path.parent_path() /
         ("." + path.filename().string() + (kept == Kept::kAway ? ".tunneld" : ".tunneld-late"));
}

enum class Replaced : std::uint8_t {
  kYes,
  kNo,       ///< impossible in this directory
  kChanged,  ///< the file differs from `expected` and was left alone
};

/// Whether a program has the file open for writing. Between its open() and its write(), the file is empty: a text
/// of ours in that moment would be lost, or the other's. The kernel grants a lease for reading only if nobody
/// writes (fcntl(2), F_SETLEASE). It grants none to those who do not own the file, who are told "no".
bool is_being_written(const std::filesystem::path& path) {
  const net::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open()) return false;
  // Whoever opens it before the lease is gone again would send us SIGIO, which ends a process.
  if (::fcntl(file.get(), F_SETSIG, SIGURG) != 0) return false;
  if (::fcntl(file.get(), F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN;
  ::fcntl(file.get(), F_SETLEASE, F_UNLCK);
  return false;
}

/// Whether programs that write the file are waited for.
enum class Writers : std::uint8_t { kAwaited, kIgnored };

/// Returns when nobody is writing the file. kIgnored: somebody still is.
Writers await_writers(const std::filesystem::path& path) {
  const auto end = std::chrono::steady_clock::now() + kWriterPatience;
  while (is_being_written(path)) {
    if (std::chrono::steady_clock::now() >= end) return Writers::kIgnored;
    std::this_thread::sleep_for(1ms);
  }
  return Writers::kAwaited;
}

/// The state that an edit was made for.
struct Expected {
  std::optional<std::string> text;  ///< nullopt: no file
  Writers writers;

  [[nodiscard]] bool holds(const std::filesystem::path& path) const {
    // In this order: who opens the file after the first question is seen by the second one.
    return (writers == Writers::kIgnored || !is_being_written(path)) && read_resolv_conf(path) == text;
  }
};

Replaced replace(const std::filesystem::path& path, const std::string& text, const Expected& expected,
                 Kept kept) {
  const std::filesystem::path hidden = hidden_name(path, kept);
  ::unlink(hidden.c_str());
  const net::FileDescriptor file(
      ::open(hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.is_open()) return Replaced::kNo;
  try {
    struct stat before {};
    const bool existed = ::stat(path.c_str(), &before) == 0;
    const mode_t mode = existed ? before.st_mode & 07777 : 0644;
    if (existed && ::fchown(file.get(), before.st_uid, before.st_gid) != 0) fail(errno, hidden);
    if (::fchmod(file.get(), mode) != 0) fail(errno, hidden);
    write_whole_file(file.get(), text, hidden);
    // As late as possible, because writing to a disk takes time.
    if (!expected.holds(path)) {
      ::unlink(hidden.c_str());
      return Replaced::kChanged;
    }
    if (::rename(hidden.c_str(), path.c_str()) != 0) fail(errno, path);
  } catch (const std::system_error&) {
    ::unlink(hidden.c_str());
    return Replaced::kNo;
  }
  const net::FileDescriptor directory(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.is_open()) ::fsync(directory.get());
  return Replaced::kYes;
}

/// False: the file differs from `expected` and was left alone.
bool write_real(const std::filesystem::path& real, const std::string& text, const Expected& expected,
                Kept kept) {
  const Replaced replaced = is_mounted_upon(real) ? Replaced::kNo : replace(real, text, expected, kept);
  if (replaced != Replaced::kNo) return replaced == Replaced::kYes;
  if (!expected.holds(real)) return false;
  write_in_place(real, text);
  return true;
}

/// As write_real(). A file that cannot be removed (a mount, a service's sandbox) is emptied.
bool remove_real(const std::filesystem::path& real, const Expected& expected) {
  if (!expected.holds(real)) return false;
  if (::unlink(real.c_str()) != 0 && errno != ENOENT) write_in_place(real, "");
  return true;
}

/// Keeps other tunnelds away while the lock lives. nullopt: another one holds it, and we write without it.
/// There is one lock for all files, because tunnelds may reach the same file by different paths.
std::optional<SharedLock> lock_edits(const std::string& path, LockedOut locked_out) {
  auto lock = SharedLock::take(kLock, kLockPatience);
  if (lock || locked_out == LockedOut::kWrites) return lock;
  fail(EBUSY, path + ": " + SharedLock::holder(kLock) + " is writing it");
}

struct Content {
  std::string text;
  /// The number of zeros after the text, which a kill has left there (see write_in_place()).
  std::size_t zeros = 0;
};

Content read_content(int fd, const std::string& path) {
  Content content;
  std::array<char, 4096> part;
  for (;;) {
    const ssize_t count = ::read(fd, part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno, path);
    if (count == 0) break;
    content.text.append(part.data(), static_cast<std::size_t>(count));
    if (content.text.size() > kLargest) fail(EFBIG, path);
  }
  const std::size_t end = content.text.find_last_not_of('\0') + 1;
  content.zeros = content.text.size() - end;
  content.text.resize(end);
  return content;
}

/// nullopt: there is none.
std::optional<Content> read_content(const std::string& path) {
  const net::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (file.is_open()) return read_content(file.get(), path);
  if (errno == ENOENT) return std::nullopt;
  fail(errno, path);
}

bool has_hidden(const std::filesystem::path& real) {
  struct stat info {};
  return ::lstat(hidden_name(real, Kept::kAway).c_str(), &info) == 0 ||
         ::lstat(hidden_name(real, Kept::kNot).c_str(), &info) == 0;
}

/// Whether a kill has left something that we can remove. A read-only directory counts as nothing, so that
/// nobody waits for the lock in vain.
bool has_half_written(const std::filesystem::path& real, const std::optional<Content>& content) {
  if ((content && content->zeros > 0) || is_written_in_part(real)) return true;
  return has_hidden(real) && ::access(real.parent_path().c_str(), W_OK) == 0;
}

/// Removes what a kill has left. Only with the lock, because it could be what another tunneld is writing. Other
/// programs may write at any time, so a file without zeros at its end, or of another size by now, is left alone.
void remove_half_written(const std::filesystem::path& real) {
  for (const Kept kept : {Kept::kAway, Kept::kNot}) ::unlink(hidden_name(real, kept).c_str());
  complete_write_in_place(real);
  if (const auto content = read_content(real); !content || content->zeros == 0) return;
  const net::FileDescriptor file(::open(real.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open()) fail(errno, real);
  const Content content = read_content(file.get(), real);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail(errno, real);
  const std::size_t size = content.text.size() + content.zeros;
  if (content.zeros == 0 || info.st_size != static_cast<off_t>(size)) return;
  if (::ftruncate(file.get(), static_cast<off_t>(content.text.size())) != 0) fail(errno, real);
}

}  // namespace

std::optional<std::string> read_resolv_conf(const std::string& path) {
  auto content = read_content(path);
  if (!content) return std::nullopt;
  return std::move(content->text);
}

void edit_resolv_conf(const std::string& path, const ResolvConfEdit& edit, Emptied emptied,
                      LockedOut locked_out) {
  const std::filesystem::path real = real_path(path);
  // First without the lock: a process that has nothing to change may not be permitted to take it.
  const std::optional<Content> unlocked = read_content(real);
  if (!edit(unlocked ? std::optional(unlocked->text) : std::nullopt) && !has_half_written(real, unlocked))
    return;
  const std::optional<SharedLock> lock = lock_edits(path, locked_out);
  const Kept kept = lock ? Kept::kAway : Kept::kNot;
  if (lock) remove_half_written(real);
  for (int i = 0; i < kEdits; ++i) {
    const Writers writers = await_writers(real);
    const Expected present{.text = read_resolv_conf(real), .writers = writers};
    const std::optional<std::string> text = edit(present.text);
    if (!text) return;
    const bool goes = text->empty() && emptied == Emptied::kGoes;
    if (goes ? remove_real(real, present) : write_real(real, *text, present, kept)) return;
  }
  fail(EBUSY, path + ": another program keeps changing this file");
}

void tidy_resolv_conf(const std::string& path) noexcept {
  try {
    edit_resolv_conf(path, [](const auto&) { return std::nullopt; });
  } catch (const std::exception& error) {
    log::debug("{}", error.what());
  }
}

std::string real_resolv_conf(const std::string& path) {
  return real_path(path);
}

bool is_mounted_upon(const std::string& path) {
  struct statx info {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS, &info) != 0) return false;
  return (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace tunneld::daemon
