// Settings of the kernel below /proc/sys; those of "net" are of the caller's network namespace.
#pragma once

#include <optional>
#include <string>

namespace tunneld::daemon {

/// `name` is a path: "net/ipv4/ip_forward". Without the newline that the kernel adds. nullopt: there is no
/// such setting (its interface is gone). Throws std::system_error.
[[nodiscard]] std::optional<std::string> read_sysctl(const std::string& name);
/// Throws std::system_error.
void write_sysctl(const std::string& name, const std::string& value);

}  // namespace tunneld::daemon
