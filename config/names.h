// What interfaces and peers may be called.
#pragma once

#include <cstddef>
#include <string_view>

namespace tunneld::config {

inline constexpr std::size_t kLongestInterfaceName = 15;  // IFNAMSIZ - 1 (linux/if.h)

/// What the kernel takes (dev_valid_name), less what would surprise: it replaces '%', and the name becomes
/// part of file names and log lines.
[[nodiscard]] bool is_interface_name(std::string_view name);

/// Peer names stand in logs, in file names and on command lines. Needs no quotes in YAML unless it looks like
/// a number.
[[nodiscard]] bool is_peer_name(std::string_view name);
inline constexpr std::string_view kExpectedPeerName =
    "1 to 64 letters, digits or _-.@, starting with a letter or a digit";

}  // namespace tunneld::config
