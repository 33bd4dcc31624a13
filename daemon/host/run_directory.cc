#include "daemon/host/run_directory.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include "config/service_user.h"

namespace tunneld::daemon {
namespace {

constexpr const char* kRunDirectory = "/run/tunneld";

/// Whether it was not there before.
bool make_private(const std::filesystem::path& path) {
  const bool is_new = std::filesystem::create_directories(path);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    throw std::system_error(errno, std::generic_category(), path.string());
  }
  // Whoever can write here can lock us out, take the journal away, or answer in our name.
  if (!config::is_trusted_owner(info.st_uid) || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                            path.string() +
                                " can be written by other users: choose a directory that is yours alone "
                                "(chown, chmod go-w, or another TUNNELD_RUN_DIR)");
  }
  return is_new;
}

}  // namespace

std::filesystem::path run_directory() {
  const char* chosen = std::getenv("TUNNELD_RUN_DIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : kRunDirectory;
}

void make_run_directory() {
  make_private(run_directory());
}

SharedDirectory make_shared_directory() {
  try {
    const bool is_new = make_private(kRunDirectory);
    if (::access(kRunDirectory, W_OK) == 0)
      return {kRunDirectory, is_new && run_directory() != kRunDirectory};
  } catch (const std::system_error&) {
    // A container's /run, or a user who is not root.
  }
  make_run_directory();
  return {run_directory()};
}

std::filesystem::path lock_path(const std::string& interface) {
  return run_directory() / (interface + ".lock");
}
std::filesystem::path journal_path(const std::string& interface) {
  return run_directory() / (interface + ".journal");
}
std::filesystem::path control_path(const std::string& interface) {
  return run_directory() / (interface + ".sock");
}
std::filesystem::path handover_path(const std::string& interface) {
  return run_directory() / (interface + ".handover");
}

}  // namespace tunneld::daemon
