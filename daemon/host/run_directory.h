// The directory of a running daemon's lock, journal and control socket: one file of each kind per interface.
#pragma once

#include <filesystem>
#include <string>

namespace tunneld::daemon {

/// /run/tunneld, or $TUNNELD_RUN_DIR. Network namespaces share /run, so interfaces of the same name in several
/// namespaces need different values of that variable.
[[nodiscard]] std::filesystem::path run_directory();
/// Creates it (0755) if need be; throws std::system_error, also where other users could write into it.
void make_run_directory();
struct SharedDirectory {
  std::filesystem::path path;
  /// Created by this call and not our run directory: to be removed together with what is put into it.
  bool is_passing = false;
};
/// The directory that all tunnelds of this machine share, whatever their run directories: /run/tunneld, or our own
/// if we cannot write to that one. Creates it if need be. Throws as make_run_directory().
[[nodiscard]] SharedDirectory make_shared_directory();

[[nodiscard]] std::filesystem::path lock_path(const std::string& interface);
[[nodiscard]] std::filesystem::path journal_path(const std::string& interface);
[[nodiscard]] std::filesystem::path control_path(const std::string& interface);
/// See daemon/handover.h.
[[nodiscard]] std::filesystem::path handover_path(const std::string& interface);

}  // namespace tunneld::daemon
