// Reads and replaces /etc/resolv.conf, which may be a file, a link to one, or a mounted file.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace tunneld::daemon {

/// nullopt: there is no such file, or a link to none. Throws std::system_error, also if the file is too large
/// for a resolv.conf.
[[nodiscard]] std::optional<std::string> read_resolv_conf(const std::string& path);

/// The file that its links lead to now, whether or not it exists. Throws std::system_error.
[[nodiscard]] std::string real_resolv_conf(const std::string& path);

/// Whether the file itself is a mount (ip-netns(8), containers, a service's sandbox), so that no other file can
/// be renamed over it.
[[nodiscard]] bool is_mounted_upon(const std::string& path);

/// Makes the new text from the present one (nullopt: no file). Returns nullopt if nothing has to change.
using ResolvConfEdit = std::function<std::optional<std::string>(const std::optional<std::string>& present)>;

/// What happens to a file that is empty after the edit. kGoes: removed, or left empty if that is impossible.
enum class Emptied : std::uint8_t { kStays, kGoes };

/// What to do if another tunneld does not release the lock, because it hangs or was stopped in the middle.
enum class LockedOut : std::uint8_t {
  kFails,
  /// Writes without the lock after a second. If the other tunneld continues, it reads the file again before it
  /// replaces it, as always. So our text is lost only if it was stopped between that read and its rename, two
  /// system calls apart, or while it was overwriting a mounted file.
  kWrites,
};

/// Applies `edit` to the file, and removes what a kill in the middle of an earlier edit has left. If another
/// program writes the file in the meantime, `edit` is called again, so nothing is lost. Other tunnelds wait for
/// a lock that only they can hold.
///
/// Links, mode and owner are kept. The new text is on disk when this returns. Readers see the old text or the
/// new one, except if the file itself is a mount, which can only be overwritten. Throws std::system_error.
void edit_resolv_conf(const std::string& path, const ResolvConfEdit& edit, Emptied emptied = Emptied::kStays,
                      LockedOut locked_out = LockedOut::kFails);

/// Only removes what a kill has left beside or in the file. Never throws: if it fails, the next edit tries
/// again.
void tidy_resolv_conf(const std::string& path) noexcept;

}  // namespace tunneld::daemon
