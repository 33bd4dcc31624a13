#include "daemon/commands/new_files.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <variant>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"
#include "common/system_error.h"
#include "config/service_user.h"
#include "config/trusted_path.h"
#include "daemon/host/state_file.h"

namespace tunneld::daemon {
namespace {

/// With sudo the user behind it may own directories.
std::optional<uid_t> sudo_user() {
  const char* const text = ::geteuid() == 0 ? std::getenv("SUDO_UID") : nullptr;
  if (text == nullptr) return std::nullopt;
  uid_t user = 0;
  const std::string_view digits = text;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), user);
  return error == std::errc() && end == digits.end() ? std::optional(user) : std::nullopt;
}

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                          path + " " + reason + ": use a directory that only you can change");
}

/// Whoever can rename files in the directory could replace ours or move them, and so could who can rename it
/// or one above it. `may_be_sticky`: what we make in it is a name of our own, which nobody else may rename.
/// Of one that cannot be reached, whoever opens it says so.
void refuse_others(const std::string& path, bool may_be_sticky) {
  const auto user = sudo_user();
  const auto way = config::follow_links(path, user);
  if (const auto* untrusted = std::get_if<config::UntrustedPath>(&way)) {
    if (untrusted->error == 0) refuse(untrusted->path, untrusted->reason);
    return;
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;
  if (!may_be_sticky) status.st_mode &= ~static_cast<mode_t>(S_ISVTX);
  if (const std::string reason = config::who_changes_names_in(status, user); !reason.empty())
    refuse(path, reason);
}

std::string parent_of(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

}  // namespace

void write_whole(int fd, std::string_view text, const std::string& path) {
  write_all(fd, text, path);
  // Terminals and pipes cannot be synced and need not be.
  if (::fsync(fd) != 0 && errno != EINVAL && errno != EROFS) fail(errno, path);
}

NewFiles::~NewFiles() {
  for (auto file = files_.rbegin(); file != files_.rend(); ++file) ::unlink(file->c_str());
  for (auto folder = directories_.rbegin(); folder != directories_.rend(); ++folder) ::rmdir(folder->c_str());
}

void NewFiles::write(const std::string& path, std::string_view text, mode_t mode) {
  refuse_others(parent_of(path), true);
  const net::FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file.is_open()) fail(errno, path);
  files_.push_back(path);
  config::let_service_read(file.get(), path);
  write_whole(file.get(), text, path);
}

void NewFiles::make_directory(const std::string& path) {
  const std::string parent = parent_of(path);
  if (::access(path.c_str(), F_OK) != 0) refuse_others(parent, true);
  if (::mkdir(path.c_str(), 0700) == 0) {
    directories_.push_back(path);
    const net::FileDescriptor made(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (made.is_open()) config::let_service_read(made.get(), path);
    return;
  }
  if (errno == ENOENT && parent != "." && parent != path) {
    make_directory(parent);
    return make_directory(path);
  }
  struct stat status {};
  if (errno != EEXIST) fail(errno, path);
  if (::stat(path.c_str(), &status) != 0) fail(errno, path);
  if (!S_ISDIR(status.st_mode)) fail(ENOTDIR, path);
  refuse_others(path, false);
}

void NewFiles::keep() {
  files_.clear();
  directories_.clear();
}

}  // namespace tunneld::daemon
