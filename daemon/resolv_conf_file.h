// Reading and replacing /etc/resolv.conf, whatever it is: a file, a link to one, or a file that is mounted
// there.
#pragma once

#include <optional>
#include <string>

namespace tunneld::daemon {

/// nullopt if there is none, or a link to none. Throws std::system_error, also for one that is larger than
/// any.
[[nodiscard]] std::optional<std::string> read_resolv_conf(const std::string& path);

/// Links stay, and so do mode and owner. The new text is on disk when this returns; readers see the old or
/// the new one, except where the file is a mount of its own (ip-netns(8), containers, a service's sandbox),
/// which nothing can take the place of. Throws std::system_error.
void write_resolv_conf(const std::string& path, const std::string& text);

/// Throws std::system_error.
void remove_resolv_conf(const std::string& path);

/// What a kill in the middle of write_resolv_conf() has left beside it, if anything.
void remove_half_written(const std::string& path);

}  // namespace tunneld::daemon
