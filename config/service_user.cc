#include "config/service_user.h"

#include <array>
#include <cerrno>

#include <pwd.h>
#include <unistd.h>

#include "common/system_error.h"

namespace tunneld::config {
namespace {

constexpr const char* kServiceUser = "tunneld";

}  // namespace

std::optional<ServiceUser> service_user() {
  std::array<char, 4096> texts;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(kServiceUser, &entry, texts.data(), texts.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return ServiceUser{entry.pw_uid, entry.pw_gid};
}

bool is_trusted_owner(uid_t user) {
  if (user == 0 || user == ::geteuid()) return true;
  const auto service = service_user();
  return service && service->user == user;
}

bool is_roots_for_service(const struct stat& file) {
  if (file.st_uid != 0 || file.st_gid == 0) return false;
  const auto service = service_user();
  return service && service->group == file.st_gid;
}

void let_service_read(int fd, const std::filesystem::path& path) {
  const std::filesystem::path directory = path.has_parent_path() ? path.parent_path() : ".";
  struct stat around {};
  struct stat made {};
  if (::geteuid() != 0 || ::stat(directory.c_str(), &around) != 0 || !is_roots_for_service(around) ||
      (around.st_mode & S_IXGRP) == 0)
    return;
  if (::fstat(fd, &made) != 0 || ::fchown(fd, 0, around.st_gid) != 0 ||
      ::fchmod(fd, (made.st_mode & 07777) | (S_ISDIR(made.st_mode) ? S_IRGRP | S_IXGRP : S_IRGRP)) != 0)
    fail(errno, directory);
}

}  // namespace tunneld::config
