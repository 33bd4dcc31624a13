// Where a running daemon keeps its lock, journal and control socket: one file of each kind per interface.
#pragma once

#include <filesystem>
#include <string>

namespace tunneld::daemon {

/// /run/tunneld, or $TUNNELD_RUN_DIR. Network namespaces share /run: daemons that have interfaces of one name
/// in several namespaces are told apart by that variable.
[[nodiscard]] std::filesystem::path run_directory();
/// Creates it (0755) if need be; throws std::system_error, also where other users could write into it.
void make_run_directory();
struct SharedDirectory {
  std::filesystem::path path;
  /// Created by this call and not our run directory: to be removed together with what is put into it.
  bool is_passing = false;
};
/// For what all tunnelds of this machine share, whatever run directories they have: /run/tunneld, and our own
/// where that one cannot be written to. Creates it if need be; throws as make_run_directory().
[[nodiscard]] SharedDirectory make_shared_directory();

[[nodiscard]] std::filesystem::path lock_path(const std::string& interface);
[[nodiscard]] std::filesystem::path journal_path(const std::string& interface);
[[nodiscard]] std::filesystem::path control_path(const std::string& interface);
/// See daemon/handover.h.
[[nodiscard]] std::filesystem::path handover_path(const std::string& interface);

}  // namespace tunneld::daemon
