#include "common/net/mss_clamp.h"

#include <algorithm>

#include "common/net/checksum.h"
#include "common/net/transport_header.h"

namespace tunneld::net {
namespace {

// RFC 9293 section 3.2.
constexpr std::uint8_t kTcpOptionEnd = 0;
constexpr std::uint8_t kTcpOptionNothing = 1;
constexpr std::uint8_t kOptionMss = 2;
constexpr std::size_t kOptionMssLength = 4;

// Every host accepts this size (RFC 791). Segments may be smaller than the 1280 bytes that every IPv6 path
// carries: a tunnel over such a path has less than that inside.
constexpr std::size_t kLeastMtu = 576;

/// The largest segment that fits, not counting options, which the sender subtracts itself (RFC 6691).
std::uint16_t largest_segment(Family family, std::size_t mtu) {
  const std::size_t header = family == Family::kIpv4 ? kIpv4HeaderSize : kIpv6HeaderSize;
  const std::size_t fitting = std::max(mtu, kLeastMtu) - header - kTcpMinHeader;
  return static_cast<std::uint16_t>(std::min<std::size_t>(fitting, UINT16_MAX));
}

/// `at`: offset of the value in the TCP header, which decides how its bytes pair up in the sum.
void replace_mss(std::uint8_t* tcp, std::size_t at, std::uint16_t value) {
  auto before = load_le<std::uint16_t>(tcp + at);
  store_be16(tcp + at, value);
  auto after = load_le<std::uint16_t>(tcp + at);
  if (at % 2 == 1) {
    before = __builtin_bswap16(before);
    after = __builtin_bswap16(after);
  }
  const auto checksum = load_le<std::uint16_t>(tcp + kTcpChecksum);
  store_le(tcp + kTcpChecksum, updated_checksum(checksum, before, after));
}

bool clamp_options(MutableBytes header, std::uint16_t largest) {
  bool changed = false;
  std::size_t at = kTcpMinHeader;
  while (at < header.size() && header[at] != kTcpOptionEnd) {
    if (header[at] == kTcpOptionNothing) {
      ++at;
      continue;
    }
    if (at + 1 >= header.size()) break;
    const std::size_t length = header[at + 1];
    if (length < 2 || at + length > header.size()) break;
    if (header[at] == kOptionMss && length == kOptionMssLength && load_be16(&header[at + 2]) > largest) {
      replace_mss(header.data(), at + 2, largest);
      changed = true;
    }
    at += length;
  }
  return changed;
}

}  // namespace

bool clamp_mss(MutableBytes packet, const IpPacket& ip, std::size_t mtu) {
  const auto transport = find_transport(packet, ip);
  if (!transport || transport->protocol != kProtocolTcp) return false;
  if (transport->fragmentation == Fragmentation::kLater) return false;
  const MutableBytes tcp = packet.subspan(transport->offset, ip.length - transport->offset);
  if (tcp.size() < kTcpMinHeader || (tcp[kTcpFlags] & kTcpSyn) == 0) return false;
  const std::size_t header = tcp_header_length(tcp.data());
  if (header < kTcpMinHeader || header > tcp.size()) return false;
  return clamp_options(tcp.first(header), largest_segment(ip.family, mtu));
}

}  // namespace tunneld::net
