#include "daemon/commands/new_files.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

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

/// With sudo the user behind it may own the directory.
bool belongs_to_sudo_user(const struct stat& directory) {
  const char* const user = ::geteuid() == 0 ? std::getenv("SUDO_UID") : nullptr;
  return user != nullptr && std::to_string(directory.st_uid) == user;
}

/// Whoever can rename files in the directory could replace ours or move them. `may_be_sticky`: we only make a
/// directory of our own in it, which nobody else may rename.
void refuse_others(const std::string& path, bool may_be_sticky) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail(errno, path);
  if (belongs_to_sudo_user(status)) status.st_uid = 0;
  if (!may_be_sticky) status.st_mode &= ~static_cast<mode_t>(S_ISVTX);
  const std::string reason = config::who_changes_names_in(status);
  if (reason.empty()) return;
  throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                          path + " " + reason + ": use a directory that only you can change");
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
  const net::FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file.is_open()) fail(errno, path);
  files_.push_back(path);
  config::let_service_read(file.get(), path);
  write_whole(file.get(), text, path);
}

void NewFiles::make_directory(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  struct stat above {};
  const std::string parent_name = parent.empty() ? "." : parent.string();
  if (::access(path.c_str(), F_OK) != 0 && ::stat(parent_name.c_str(), &above) == 0)
    refuse_others(parent_name, true);
  if (::mkdir(path.c_str(), 0700) == 0) {
    directories_.push_back(path);
    const net::FileDescriptor made(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (made.is_open()) config::let_service_read(made.get(), path);
    return;
  }
  if (errno == ENOENT && !parent.empty() && parent != path) {
    make_directory(parent.string());
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
