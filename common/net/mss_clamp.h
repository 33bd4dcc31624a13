// Lowers the maximum segment size that the two ends of a TCP connection announce (RFC 9293 section 3.7.1), so
// that their segments fit the tunnel even where path MTU discovery is broken. This is the usual cure for
// connections that open and then hang.
#pragma once

#include "common/bytes.h"
#include "common/net/ip_packet.h"
#include "common/net/transport_header.h"

namespace tunneld::net {

/// How a tunnel clamps, as in the configuration: not at all, to what its path carries, or (any other value)
/// to this segment size in bytes.
inline constexpr std::uint32_t kMssOff = 0;
inline constexpr std::uint32_t kMssFromPath = 1;
inline constexpr std::uint32_t kLeastMss = 536;
/// The `mtu` for clamp_mss() if the path carries `path` bytes; 0: do not clamp.
[[nodiscard]] inline std::size_t clamp_mtu(std::uint32_t mss, Family family, std::size_t path) {
  if (mss <= kMssFromPath) return mss == kMssOff ? 0 : path;
  return mss + kTcpMinHeader + (family == Family::kIpv4 ? kIpv4HeaderSize : kIpv6HeaderSize);
}

/// A cheap test whether clamp_mss() is worth calling; false for almost every packet.
[[nodiscard]] inline bool may_be_syn(ByteView packet, const IpPacket& ip) {
  if (ip.protocol == kProtocolTcp) {
    const std::size_t flags = ip.header_length + kTcpFlags;
    return flags < ip.length && (packet[flags] & kTcpSyn) != 0;
  }
  return ip.family == Family::kIpv6 && is_ipv6_extension(ip.protocol);
}

/// If `packet` (parsed as `ip`) is a TCP SYN that announces more than fits into IP packets of `mtu` bytes,
/// lowers the announcement and updates the checksum by the difference (a wrong checksum stays wrong). The
/// checksum must be complete: on the way out call this after Segmenter::plan. An announcement is never raised
/// and never added. Returns whether something changed. `mtu`: values below 576 count as 576.
bool clamp_mss(MutableBytes packet, const IpPacket& ip, std::size_t mtu);

}  // namespace tunneld::net
