// Reading and replacing /etc/resolv.conf, whatever it is: a file, a link to one, or a file that is mounted
// there.
#pragma once

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

/// Writes what `edit` makes of the file. Another program that writes it at the same time loses nothing: then
/// `edit` is called again with what that has written, and other tunnelds wait. As write_resolv_conf() else.
void edit_resolv_conf(const std::string& path, const ResolvConfEdit& edit);

/// Links stay, and so do mode and owner. The new text is on disk when this returns; readers see the old or
/// the new one, except where the file is a mount of its own (ip-netns(8), containers, a service's sandbox),
/// which nothing can take the place of. Throws std::system_error.
void write_resolv_conf(const std::string& path, const std::string& text);

/// Throws std::system_error.
void remove_resolv_conf(const std::string& path);

/// What a kill in the middle of write_resolv_conf() has left beside it, if anything.
void remove_half_written(const std::string& path);

}  // namespace tunneld::daemon
