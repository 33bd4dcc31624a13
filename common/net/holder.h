// Who holds what we want: for error messages only, read from /proc when it is needed.
#pragma once

#include <cstdint>
#include <string>

namespace tunneld::net {

/// The process of this network namespace that has the UDP port, as "wireguard-go (pid 123)"; empty where none
/// is seen: it is the kernel's own (its WireGuard, say), or we may not look (`/proc/PID/fd` needs
/// CAP_SYS_PTRACE for other users' processes).
[[nodiscard]] std::string holder_of_udp_port(std::uint16_t port);

/// The same for a tun or tap device.
[[nodiscard]] std::string holder_of_tun_device(const std::string& name);

}  // namespace tunneld::net
