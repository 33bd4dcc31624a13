#include "daemon/host/state_file.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/system_error.h"
#include "config/service_user.h"

namespace tunneld::daemon {

net::FileDescriptor open_state_file(const std::filesystem::path& path) {
  return net::FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

std::optional<off_t> size_if_trusted(const net::FileDescriptor& file, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail(errno, path);
  const bool is_trusted =
      S_ISREG(status.st_mode) && config::is_trusted_owner(status.st_uid) && (status.st_mode & 022) == 0;
  return is_trusted ? std::optional(status.st_size) : std::nullopt;
}

std::string read_up_to(const net::FileDescriptor& file, off_t size, const std::filesystem::path& path) {
  std::string text(static_cast<std::size_t>(size), '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(errno, path);
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  text.resize(length);
  return text;
}

void write_all(int fd, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(errno, path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void write_state_file(const std::filesystem::path& path, std::string_view text) {
  const std::filesystem::path directory = path.parent_path();
  std::error_code ignored;
  if (std::filesystem::create_directories(directory, ignored)) ::chmod(directory.c_str(), 0700);
  const std::filesystem::path beside = path.string() + ".new";
  ::unlink(beside.c_str());  // a killed run's
  try {
    const net::FileDescriptor file(
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.is_open()) fail(errno, beside);
    write_all(file.get(), text, beside);
    if (::fsync(file.get()) != 0) fail(errno, beside);
    if (::rename(beside.c_str(), path.c_str()) != 0) fail(errno, path);
  } catch (const std::system_error&) {
    ::unlink(beside.c_str());
    throw;
  }
  const net::FileDescriptor parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.is_open() || ::fsync(parent.get()) != 0) fail(errno, directory);
}

}  // namespace tunneld::daemon
