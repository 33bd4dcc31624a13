// Valid names of interfaces and peers.
#pragma once

#include <cstddef>
#include <string_view>

namespace tunneld::config {

inline constexpr std::size_t kLongestInterfaceName = 15;  // IFNAMSIZ - 1 (linux/if.h)

/// The kernel's rule (dev_valid_name) without '%', which the kernel replaces, and without characters that are
/// unsafe in file names and log lines.
[[nodiscard]] bool is_interface_name(std::string_view name);
/// The same, but for the names that the kernel has itself: lo, and those of its settings for all.
[[nodiscard]] bool is_device_name(std::string_view name);

/// Peer names appear in logs, in file names and on command lines. A valid name needs no quotes in YAML unless
/// it looks like a number.
[[nodiscard]] bool is_peer_name(std::string_view name);
inline constexpr std::string_view kExpectedPeerName =
    "1 to 64 letters, digits or _-.@, starting with a letter or a digit";

}  // namespace tunneld::config
