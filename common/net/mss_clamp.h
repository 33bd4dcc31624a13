// Lowering the maximum segment size that TCP ends announce to each other (RFC 9293 section 3.7.1), so that
// their segments fit the tunnel even where path MTU discovery is broken: the usual cure for connections that
// open and then hang.
#pragma once

#include "common/bytes.h"
#include "common/net/ip_packet.h"

namespace tunneld::net {

/// If `packet` (parsed as `ip`) is a TCP SYN that announces more than fits into IP packets of `mtu` bytes,
/// lowers it and mends the checksum by the difference (a wrong checksum stays wrong). The checksum must be
/// whole: on the way out call this after Segmenter::plan. An announcement is never raised and never added.
/// True if something changed. `mtu`: at least 576 (IPv4) or 1280 (IPv6); a smaller one counts as that.
bool clamp_mss(MutableBytes packet, const IpPacket& ip, std::size_t mtu);

}  // namespace tunneld::net
