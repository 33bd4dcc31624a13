#include "config/trusted_path.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include <limits.h>
#include <unistd.h>

namespace tunneld::config {
namespace {

/// As the kernel's (path_resolution(7)).
constexpr int kMostLinks = 40;

/// Who owns / decides on all that is below it. In a user namespace without root (unshare(1)) root has another
/// number, the one for whoever has none there.
bool owns_everything(uid_t user) {
  struct stat top {};
  return ::stat("/", &top) == 0 && top.st_uid == user;
}

bool is_trusted(uid_t user, std::optional<uid_t> also) {
  return user == 0 || user == ::geteuid() || user == also || owns_everything(user);
}

std::string belongs_to(uid_t user) {
  return "belongs to user " + std::to_string(user);
}

void split_before(std::string_view path, std::deque<std::string>& parts) {
  std::vector<std::string> names;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end != 0) names.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  parts.insert(parts.begin(), names.begin(), names.end());
}

std::string path_in(const std::string& directory, const std::string& name) {
  return directory == "/" ? directory + name : directory + '/' + name;
}

}  // namespace

std::string who_changes_names_in(const struct stat& directory, std::optional<uid_t> also) {
  if (!is_trusted(directory.st_uid, also)) return belongs_to(directory.st_uid);
  if ((directory.st_mode & S_ISVTX) != 0) return {};
  if ((directory.st_mode & S_IWOTH) != 0) return "can be written by everybody";
  if ((directory.st_mode & S_IWGRP) != 0)
    return "can be written by group " + std::to_string(directory.st_gid);
  return {};
}

std::variant<std::string, UntrustedPath> follow_links(const std::string& path, std::optional<uid_t> also) {
  std::error_code failed;
  const std::filesystem::path whole = std::filesystem::absolute(path, failed);
  if (failed) return UntrustedPath{path, failed.message(), failed.value()};
  std::deque<std::string> parts;
  split_before(whole.native(), parts);
  std::string here = "/";
  for (int links = 0; !parts.empty();) {
    const std::string name = parts.front();
    parts.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      here = std::filesystem::path(here).parent_path().native();
      continue;
    }
    struct stat status {};
    const auto unreachable = [&](const std::string& at, int error) {
      return UntrustedPath{at, std::generic_category().message(error), error};
    };
    if (::lstat(here.c_str(), &status) != 0) return unreachable(here, errno);
    if (std::string reason = who_changes_names_in(status, also); !reason.empty())
      return UntrustedPath{here, std::move(reason)};
    const std::string next = path_in(here, name);
    if (::lstat(next.c_str(), &status) != 0) return unreachable(next, errno);
    if (!S_ISLNK(status.st_mode)) {
      here = next;
      continue;
    }
    if (!is_trusted(status.st_uid, also)) return UntrustedPath{next, belongs_to(status.st_uid)};
    if (++links > kMostLinks) return unreachable(next, ELOOP);
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlink(next.c_str(), target.data(), target.size());
    if (length < 0) return unreachable(next, errno);
    const std::string_view text(target.data(), static_cast<std::size_t>(length));
    if (text.starts_with('/')) here = "/";
    split_before(text, parts);
  }
  return here;
}

}  // namespace tunneld::config
