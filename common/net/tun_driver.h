// Opens /dev/net/tun and attaches to one of its devices: to move packets (tun_device.cc), or only to restore
// the device (tun_state.cc).
#pragma once

#include <string>

#include <linux/if_tun.h>
#include <net/if.h>

#include "common/net/file_descriptor.h"

namespace tunneld::net {

/// TUN_F_USO4 and TUN_F_USO6, which Debian 12's linux/if_tun.h does not have yet (Linux 6.2).
inline constexpr unsigned kUdpSuperpackets = 0x20 | 0x40;

[[nodiscard]] ifreq request_for(const std::string& device);

/// Non-blocking. Throws TunError.
[[nodiscard]] FileDescriptor open_tun_driver();

/// TUNSETIFF; returns 0 and the device's name, or an errno. `flags`: IFF_TUN, IFF_TAP, IFF_VNET_HDR …
[[nodiscard]] int attach(const FileDescriptor& fd, std::string& name, int flags);

/// attach() to an existing device as its only user: EBUSY if another process has it, even if only some queues
/// of a multi-queue device. A previous user that was killed may still be exiting; it gets half a second.
/// Throws TunError.
[[nodiscard]] int attach_patiently(FileDescriptor& fd, std::string& name, int flags);

}  // namespace tunneld::net
