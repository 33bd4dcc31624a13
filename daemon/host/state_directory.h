// The directory for files that outlive a run: leases, and the latest timestamp of a handshake. /run has the rest.
#pragma once

#include <filesystem>
#include <string>

namespace tunneld::daemon {

/// $TUNNELD_STATE_DIR, or systemd's $STATE_DIRECTORY, or /var/lib/tunneld. Not made by this call.
[[nodiscard]] std::filesystem::path state_directory();
[[nodiscard]] std::filesystem::path leases_path(const std::string& interface);
/// See clock_mark.h.
[[nodiscard]] std::filesystem::path clock_path(const std::string& interface);

}  // namespace tunneld::daemon
