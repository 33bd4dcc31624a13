// The system user of the shipped unit. It reads configurations and keys that are root's and of its group, and
// its own files are in the run and state directories.
#pragma once

#include <filesystem>
#include <optional>

#include <sys/stat.h>

namespace tunneld::config {

struct ServiceUser {
  uid_t user = 0;
  gid_t group = 0;
};

/// nullopt: this host has none, because nothing was installed, or because its user database cannot be asked.
[[nodiscard]] std::optional<ServiceUser> service_user();

/// Root, us, or the service. Not for what is done as root because a file says it.
[[nodiscard]] bool is_trusted_owner(uid_t user);

/// Root's file, and of the service's group: whoever is in that may read it, as the daemon must.
[[nodiscard]] bool is_roots_for_service(const struct stat& file);

/// Where root makes a new file or directory in a directory that is root's for the service, the service may
/// read it, too. `fd`, `path`: what is new. Throws std::system_error.
void let_service_read(int fd, const std::filesystem::path& path);

}  // namespace tunneld::config
