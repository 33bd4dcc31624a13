// Names the process that holds a port or device: for error messages only, read from /proc when needed.
#pragma once

#include <cstdint>
#include <string>

namespace tunneld::net {

/// The process of this network namespace that has the UDP port, as "wireguard-go (pid 123)". Empty if none is
/// found: the kernel itself has the port (its WireGuard, say), or we have no permission to look
/// (`/proc/PID/fd` of other users' processes needs CAP_SYS_PTRACE).
[[nodiscard]] std::string holder_of_udp_port(std::uint16_t port);

/// The same for a tun or tap device.
[[nodiscard]] std::string holder_of_tun_device(const std::string& name);

/// For who is about to give up the permission to look: what is found now answers where nothing can be found
/// any more. Call it before there are other threads. An empty name and port 0 are nobody's.
void remember_holders(std::uint16_t port, const std::string& device);

}  // namespace tunneld::net
