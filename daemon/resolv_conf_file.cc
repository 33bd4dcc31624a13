#include "daemon/resolv_conf_file.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {
namespace {

/// glibc reads a few lines; whatever is larger is something else.
constexpr std::size_t kLargest = 1U << 20;

[[noreturn]] void fail(int error, const std::string& path) {
  throw std::system_error(error, std::generic_category(), path);
}

/// Where the links lead, also if there is no file yet.
std::filesystem::path real_path(const std::string& path) {
  std::error_code error;
  auto real = std::filesystem::canonical(path, error);
  if (error) real = std::filesystem::weakly_canonical(std::filesystem::path(path), error);
  if (!error && std::filesystem::is_symlink(std::filesystem::symlink_status(real, error))) {
    const auto target = std::filesystem::read_symlink(real, error);
    if (!error) real = std::filesystem::weakly_canonical(real.parent_path() / target, error);
  }
  if (error) fail(error.value(), path);
  return real;
}

bool is_mounted_upon(const std::filesystem::path& path) {
  struct statx info {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS, &info) != 0) return false;
  return (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

void write_all(int fd, const std::string& text, const std::string& path) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(fd, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno, path);
    written += static_cast<std::size_t>(count);
  }
  if (::ftruncate(fd, static_cast<off_t>(text.size())) != 0) fail(errno, path);
  if (::fsync(fd) != 0) fail(errno, path);
}

void write_in_place(const std::filesystem::path& path, const std::string& text) {
  net::FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open() && errno == ENOENT) {
    file = net::FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    // Everybody may read it, whatever a service's umask keeps for itself.
    if (file.is_open() && ::fchmod(file.get(), 0644) != 0) fail(errno, path);
  }
  if (!file.is_open()) fail(errno, path);
  write_all(file.get(), text, path);
}

/// One name for all of us, so that what a kill leaves is taken up by the next.
std::filesystem::path hidden_name(const std::filesystem::path& path) {
  return path.parent_path() / ("." + path.filename().string() + ".tunneld");
}

/// False if the directory does not let us.
bool replace(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path hidden = hidden_name(path);
  ::unlink(hidden.c_str());
  const net::FileDescriptor file(
      ::open(hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.is_open()) return false;
  try {
    struct stat before {};
    const bool existed = ::stat(path.c_str(), &before) == 0;
    const mode_t mode = existed ? before.st_mode & 07777 : 0644;
    if (existed && ::fchown(file.get(), before.st_uid, before.st_gid) != 0) fail(errno, hidden);
    if (::fchmod(file.get(), mode) != 0) fail(errno, hidden);
    write_all(file.get(), text, hidden);
    if (::rename(hidden.c_str(), path.c_str()) != 0) fail(errno, path);
  } catch (const std::system_error&) {
    ::unlink(hidden.c_str());
    return false;
  }
  const net::FileDescriptor directory(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.is_open()) ::fsync(directory.get());
  return true;
}

}  // namespace

std::optional<std::string> read_resolv_conf(const std::string& path) {
  const net::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == ENOENT) return std::nullopt;
    fail(errno, path);
  }
  std::string text;
  std::array<char, 4096> part;
  for (;;) {
    const ssize_t count = ::read(file.get(), part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno, path);
    if (count == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(count));
    if (text.size() > kLargest) fail(EFBIG, path);
  }
}

void write_resolv_conf(const std::string& path, const std::string& text) {
  const std::filesystem::path real = real_path(path);
  if (!is_mounted_upon(real) && replace(real, text)) return;
  write_in_place(real, text);
}

void remove_resolv_conf(const std::string& path) {
  const std::filesystem::path real = real_path(path);
  if (::unlink(real.c_str()) != 0 && errno != ENOENT) fail(errno, path);
}

void remove_half_written(const std::string& path) {
  ::unlink(hidden_name(real_path(path)).c_str());
}

}  // namespace tunneld::daemon
