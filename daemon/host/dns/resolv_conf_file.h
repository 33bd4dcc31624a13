// Reading and replacing /etc/resolv.conf, whatever it is: a file, a link to one, or a file that is mounted
// there.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace tunneld::daemon {

/// nullopt if there is none, or a link to none. Throws std::system_error, also for one that is larger than
/// any.
[[nodiscard]] std::optional<std::string> read_resolv_conf(const std::string& path);

/// Where its links lead now, also if there is no file yet. Throws std::system_error.
[[nodiscard]] std::string real_resolv_conf(const std::string& path);

/// Whether nothing can take its place (ip-netns(8), containers, a service's sandbox): it is a mount of its
/// own.
[[nodiscard]] bool is_mounted_upon(const std::string& path);

/// What to make of what is there (nullopt: no file); nullopt: nothing.
using ResolvConfEdit = std::function<std::optional<std::string>(const std::optional<std::string>& present)>;

/// What becomes of a file that `edit` leaves without a byte. One that cannot be removed stays, empty.
enum class Emptied : std::uint8_t { kStays, kGoes };

/// What another tunneld that does not let go of the lock (it hangs, or was stopped in the middle) means for us.
enum class LockedOut : std::uint8_t {
  kFails,
  /// Written after a second all the same. The other one, going on, reads the file again before it replaces
  /// it, as always; so what we write is lost only if it was stopped between that look and its rename, two
  /// system calls apart, or in the middle of writing over a file that is a mount of its own.
  kWrites,
};

/// Writes what `edit` makes of the file, and takes away what a kill in the middle of that has left. `edit` is
/// called again when another program has written the file meanwhile, so that this loses nothing; other
/// tunnelds wait for a lock that they alone can hold.
///
/// Links stay, and so do mode and owner. The new text is on disk when this returns; readers see the old or
/// the new one, except where the file is a mount of its own (ip-netns(8), containers, a service's sandbox),
/// which nothing can take the place of. Throws std::system_error.
void edit_resolv_conf(const std::string& path, const ResolvConfEdit& edit, Emptied emptied = Emptied::kStays,
                      LockedOut locked_out = LockedOut::kFails);

/// Takes away what a kill has left beside or in the file, and nothing else. Never throws: the next one tries
/// again.
void tidy_resolv_conf(const std::string& path) noexcept;

}  // namespace tunneld::daemon
