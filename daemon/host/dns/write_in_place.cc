#include "daemon/host/dns/write_in_place.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/net/file_descriptor.h"
#include "common/system_error.h"
#include "daemon/host/run_directory.h"
#include "daemon/host/state_file.h"

namespace tunneld::daemon {
namespace {

/// In bytes: up to this size, one write is done completely or not at all.
constexpr std::size_t kOnePage = 4096;
/// In bytes, for both texts: more than twice the largest resolv.conf.
constexpr std::size_t kLargestPair = 3U << 20;

/// A write that may not be complete yet.
struct Change {
  std::string before;
  std::string after;
};

/// Identifies the file by its inode, which a write in place keeps. Its path is /etc/resolv.conf in every mount
/// namespace.
std::filesystem::path change_path(const struct stat& file) {
  return run_directory() /
         ("resolv.conf-" + std::to_string(file.st_dev) + "-" + std::to_string(file.st_ino) + ".change");
}

/// nullopt: there is none.
std::optional<std::filesystem::path> change_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  const std::filesystem::path change = change_path(status);
  return ::access(change.c_str(), F_OK) == 0 ? std::optional(change) : std::nullopt;
}

std::string read_all(int fd, std::size_t most, const std::filesystem::path& path) {
  std::string text;
  std::array<char, 4096> part;
  for (;;) {
    const ssize_t count = ::read(fd, part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno, path);
    if (count == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(count));
    if (text.size() > most) fail(EFBIG, path);
  }
}

/// Never throws: if this fails, only a kill in the middle of the write does harm.
void keep_change(const std::filesystem::path& path, const Change& change) {
  ::unlink(path.c_str());
  try {
    const net::FileDescriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.is_open()) fail(errno, path);
    const std::string sizes =
        std::to_string(change.before.size()) + ' ' + std::to_string(change.after.size());
    write_all(file.get(), sizes + '\n' + change.before + change.after, path);
    if (::fsync(file.get()) != 0) fail(errno, path);
  } catch (const std::system_error& error) {
    log::debug("{}", error.what());
  }
}

/// nullopt: there is none, or it is incomplete, or somebody else has written it.
std::optional<Change> read_change(const std::filesystem::path& path) {
  const net::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  // In the service's run directory, root trusts its own files only.
  if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_uid != ::geteuid())
    return std::nullopt;
  std::istringstream text(read_all(file.get(), kLargestPair, path));
  std::size_t before = 0;
  std::size_t after = 0;
  if (!(text >> before >> after) || text.get() != '\n') return std::nullopt;
  const std::string both(std::istreambuf_iterator<char>(text), {});
  if (before > kLargestPair || after > kLargestPair || both.size() != before + after) return std::nullopt;
  return Change{both.substr(0, before), both.substr(before)};
}

std::string filled_up(std::string text, std::size_t size) {
  text.resize(std::max(text.size(), size), '\0');
  return text;
}

/// The beginning of the new text and the rest of the old one, and not just one of them.
bool is_mixture(const std::string& present, const Change& change) {
  const std::size_t size = std::max(change.before.size(), change.after.size());
  if (present.size() > size) return false;
  const std::string now = filled_up(present, size);
  const std::string before = filled_up(change.before, size);
  const std::string after = filled_up(change.after, size);
  if (now == before || now == after) return false;
  const auto differs = std::ranges::mismatch(now, after).in1 - now.begin();
  return std::string_view(now).substr(static_cast<std::size_t>(differs)) ==
         std::string_view(before).substr(static_cast<std::size_t>(differs));
}

/// In a single write if the kernel accepts that.
void write_over(int fd, const std::string& text, std::size_t old_size, const std::filesystem::path& path) {
  // Space is reserved first (it reads as zeros), so that a full disk is noticed before the write.
  if (text.size() > old_size) {
    const int error = ::posix_fallocate(fd, 0, static_cast<off_t>(text.size()));
    if (error != 0 && error != EOPNOTSUPP && error != EINVAL) {
      if (::ftruncate(fd, static_cast<off_t>(old_size)) != 0) fail(errno, path);
      fail(error, path);
    }
  }
  const std::string whole = filled_up(text, old_size);
  std::size_t written = 0;
  while (written < whole.size()) {
    const ssize_t count =
        ::pwrite(fd, whole.data() + written, whole.size() - written, static_cast<off_t>(written));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno, path);
    written += static_cast<std::size_t>(count);
  }
  // On disk before it is truncated: otherwise a power failure could leave the beginning of the old text.
  if (::fdatasync(fd) != 0) fail(errno, path);
  struct stat now {};
  if (::fstat(fd, &now) != 0) fail(errno, path);
  // A disk takes its time, in which others may have written another text: it would be cut to the length of ours.
  if (now.st_size != static_cast<off_t>(whole.size())) return;
  if (::ftruncate(fd, static_cast<off_t>(text.size())) != 0) fail(errno, path);
  if (::fsync(fd) != 0) fail(errno, path);
}

}  // namespace

void write_in_place(const std::filesystem::path& path, const std::string& text) {
  net::FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.is_open() && errno == ENOENT) {
    file = net::FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    // It must be readable for everybody, even if the service's umask is stricter.
    if (file.is_open() && ::fchmod(file.get(), 0644) != 0) fail(errno, path);
  }
  if (!file.is_open()) fail(errno, path);
  struct stat before {};
  if (::fstat(file.get(), &before) != 0) fail(errno, path);
  const auto old_size = static_cast<std::size_t>(before.st_size);
  if (std::max(text.size(), old_size) <= kOnePage) return write_over(file.get(), text, old_size, path);
  const std::filesystem::path change = change_path(before);
  keep_change(change, {read_all(file.get(), kLargestPair, path), text});
  write_over(file.get(), text, old_size, path);
  ::unlink(change.c_str());
}

bool is_written_in_part(const std::filesystem::path& path) {
  return change_of(path).has_value();
}

void complete_write_in_place(const std::filesystem::path& path) {
  const auto name = change_of(path);
  if (!name) return;
  if (const auto change = read_change(*name)) {
    const net::FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!file.is_open()) fail(errno, path);
    const std::string present = read_all(file.get(), kLargestPair, path);
    // Forwards, because a kill in the middle of this write leaves the same kind of mixture.
    if (is_mixture(present, *change))
      write_over(file.get(), change->after, std::max(present.size(), change->before.size()), path);
  }
  ::unlink(name->c_str());
}

}  // namespace tunneld::daemon
