// What a persistent tun or tap keeps from one user to the next (drivers/net/tun.c): the offloads
// (TUNSETOFFLOAD), the offload header's size (TUNSETVNETHDRSZ), and the flags of the last TUNSETIFF. A
// program that does not know offloads sets none and gets those of the last user: TCP segments without a
// checksum, in superpackets that it truncates. So whoever ends restores what it found.
//
// The device also keeps its owner, the length of its transmit queue, and the packet filters (TUNATTACHFILTER,
// TUNSETTXFILTER); tunneld leaves those alone.
#pragma once

#include <cstdint>
#include <string>

#include "common/net/file_descriptor.h"

namespace tunneld::net {

enum class DeviceKind : std::uint8_t { kTun, kTap };

struct TunState {
  DeviceKind kind = DeviceKind::kTun;
  bool multi_queue = false;  ///< IFF_MULTI_QUEUE, which only the creator of a device chooses
  bool packet_info = false;  ///< without IFF_NO_PI
  bool has_header = false;   ///< IFF_VNET_HDR
  /// sizeof(virtio_net_hdr) for a new device.
  int header_size = 10;
  /// TUN_F_* that are on.
  unsigned offloads = 0;
  /// TUN_F_* that are wanted: by the last user, or by an administrator (`ethtool -K`). In a new device the
  /// kernel wants all of them.
  unsigned wanted = 0;
  bool operator==(const TunState&) const = default;
};

/// The flags only, read before attaching; those of a new device if there is none of this name.
[[nodiscard]] TunState flags_of_tun(const std::string& device, DeviceKind kind);
/// The other fields; `fd` is attached to the device.
void read_settings(const FileDescriptor& fd, const std::string& device, TunState& state);

/// Restores a device that nobody uses. Returns false, and leaves it alone, if somebody uses it or it is of
/// another kind now. Its carrier is on for a moment. Throws TunError.
[[nodiscard]] bool restore(const std::string& device, const TunState& state);

}  // namespace tunneld::net
