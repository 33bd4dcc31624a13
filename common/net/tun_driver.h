// Opening /dev/net/tun and becoming a user of one of its devices: for those that move packets
// (tun_device.cc), and for those that only put a device back (tun_state.cc).
#pragma once

#include <string>

#include <linux/if_tun.h>
#include <net/if.h>

#include "common/net/file_descriptor.h"

namespace tunneld::net {

/// TUN_F_USO4 and TUN_F_USO6, which are younger than Debian 12's linux/if_tun.h (Linux 6.2).
inline constexpr unsigned kUdpSuperpackets = 0x20 | 0x40;

[[nodiscard]] ifreq request_for(const std::string& device);

/// Not blocking. Throws TunError.
[[nodiscard]] FileDescriptor open_tun_driver();

/// TUNSETIFF; returns 0 and the device's name, or an errno. `flags`: IFF_TUN, IFF_TAP, IFF_VNET_HDR …
[[nodiscard]] int attach(const FileDescriptor& fd, std::string& name, int flags);

/// attach() to a device that is there, for us alone: EBUSY if somebody has it, even a share of a multi-queue
/// device. The last user, if it was killed, may not be gone altogether, and is given half a second. Throws
/// TunError.
[[nodiscard]] int attach_patiently(FileDescriptor& fd, std::string& name, int flags);

}  // namespace tunneld::net
