// The ten bytes in front of every packet that crosses an offloading tun or tap device.
//
// It says what is left to do with the packet: complete a checksum, or cut a superpacket into segments. The
// kernel's own header (linux/virtio_net.h) is not valid C++, so the struct is declared here. Native byte
// order: tun's default.
#pragma once

#include <cstdint>

namespace tunneld::net {

/// struct virtio_net_hdr, virtio 1.2 section 5.1.6. All zero: a plain packet with nothing left to do.
struct VirtioNetHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  /// Length of all headers before the payload. The kernel may set any value here: never trust it.
  std::uint16_t hdr_len = 0;
  /// Payload bytes of each segment.
  std::uint16_t gso_size = 0;
  /// Where summing starts, counted from the packet's first byte; the sum goes to csum_start + csum_offset.
  std::uint16_t csum_start = 0;
  std::uint16_t csum_offset = 0;

  bool operator==(const VirtioNetHeader&) const = default;
};
static_assert(sizeof(VirtioNetHeader) == 10);

/// Bits of `flags`.
inline constexpr std::uint8_t kVirtioNeedsChecksum =
    1;                                               // the checksum field holds the pseudo-header's sum only
inline constexpr std::uint8_t kVirtioDataValid = 2;  // the checksum was verified already

/// Values of `gso_type`; kVirtioGsoEcn is or-ed to the TCP ones when the superpacket has CWR set.
inline constexpr std::uint8_t kVirtioGsoNone = 0;
inline constexpr std::uint8_t kVirtioGsoTcp4 = 1;
inline constexpr std::uint8_t kVirtioGsoTcp6 = 4;
inline constexpr std::uint8_t kVirtioGsoUdp = 5;  // UDP_L4: IPv4 and IPv6, each segment a datagram of its own
inline constexpr std::uint8_t kVirtioGsoEcn = 0x80;

}  // namespace tunneld::net
