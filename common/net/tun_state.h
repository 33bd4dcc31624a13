// What a persistent tun or tap keeps of each of its users for the next one (drivers/net/tun.c): the offloads
// (TUNSETOFFLOAD), the offload header's size (TUNSETVNETHDRSZ), and the flags of the last TUNSETIFF. A
// program that knows of no offloads asks for none, and gets what the last one left: TCP segments without a
// checksum, in superpackets that it cuts off. So whoever ends puts back what it has found.
//
// Its owner, the length of its transmit queue, and the packet filters (TUNATTACHFILTER, TUNSETTXFILTER) stay
// with it as well; tunneld leaves those alone.
#pragma once

#include <cstdint>
#include <string>

#include "common/net/file_descriptor.h"

namespace tunneld::net {

enum class DeviceKind : std::uint8_t { kTun, kTap };

struct TunState {
  DeviceKind kind = DeviceKind::kTun;
  bool multi_queue = false;  ///< IFF_MULTI_QUEUE, which only a device's maker chooses
  bool packet_info = false;  ///< without IFF_NO_PI
  bool has_header = false;   ///< IFF_VNET_HDR
  /// sizeof(virtio_net_hdr) at a new device.
  int header_size = 10;
  /// TUN_F_* that are on.
  unsigned offloads = 0;
  /// TUN_F_* that somebody would have on: the last user, or an administrator (`ethtool -K`). The kernel wants
  /// all of a new device.
  unsigned wanted = 0;
  bool operator==(const TunState&) const = default;
};

/// The flags, before somebody becomes its user; those of a new device where there is none of this name.
[[nodiscard]] TunState flags_of_tun(const std::string& device, DeviceKind kind);
/// The rest; `fd` is attached to it.
void read_settings(const FileDescriptor& fd, const std::string& device, TunState& state);

/// Makes a device that nobody uses as it was. False: somebody uses it, or it is of another kind now; then it
/// is left alone. The carrier comes for a moment. Throws TunError.
[[nodiscard]] bool restore(const std::string& device, const TunState& state);

}  // namespace tunneld::net
