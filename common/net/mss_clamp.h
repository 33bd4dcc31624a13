// Lowering the maximum segment size that TCP ends announce to each other (RFC 9293 section 3.7.1), so that
// their segments fit the tunnel even where path MTU discovery is broken: the usual cure for connections that
// open and then hang.
#pragma once

#include "common/bytes.h"
#include "common/net/ip_packet.h"
#include "common/net/transport_header.h"

namespace tunneld::net {

/// How a tunnel clamps, as the configuration has it: not at all, to what its path carries, or else the
/// largest segment in bytes.
inline constexpr std::uint32_t kMssOff = 0;
inline constexpr std::uint32_t kMssFromPath = 1;
inline constexpr std::uint32_t kLeastMss = 536;
/// The `mtu` for clamp_mss() where the path carries `path`; 0 where nothing is to be clamped.
[[nodiscard]] inline std::size_t clamp_mtu(std::uint32_t mss, Family family, std::size_t path) {
  if (mss <= kMssFromPath) return mss == kMssOff ? 0 : path;
  return mss + kTcpMinHeader + (family == Family::kIpv4 ? kIpv4HeaderSize : kIpv6HeaderSize);
}

/// Whether clamp_mss() is worth calling: one look at what almost every packet answers with no.
[[nodiscard]] inline bool may_be_syn(ByteView packet, const IpPacket& ip) {
  if (ip.protocol == kProtocolTcp) {
    const std::size_t flags = ip.header_length + kTcpFlags;
    return flags < ip.length && (packet[flags] & kTcpSyn) != 0;
  }
  return ip.family == Family::kIpv6 && is_ipv6_extension(ip.protocol);
}

/// If `packet` (parsed as `ip`) is a TCP SYN that announces more than fits into IP packets of `mtu` bytes,
/// lowers it and mends the checksum by the difference (a wrong checksum stays wrong). The checksum must be
/// whole: on the way out call this after Segmenter::plan. An announcement is never raised and never added.
/// True if something changed. `mtu`: at least 576; a smaller one counts as that.
bool clamp_mss(MutableBytes packet, const IpPacket& ip, std::size_t mtu);

}  // namespace tunneld::net
