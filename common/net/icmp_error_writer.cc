#include "common/net/icmp_error_writer.h"

#include <algorithm>
#include <cstring>

#include "common/net/checksum.h"

namespace tunneld::net {
namespace {

constexpr std::size_t kIcmpHeader = 8;
constexpr std::size_t kMaxIcmpv4Error = 576;
constexpr std::uint8_t kHops = 64;
/// Precedence "internetwork control" (RFC 1812 section 4.3.2.5).
constexpr std::uint8_t kTypeOfService = 0xc0;

struct Kind {
  std::uint8_t type, code;
};

Kind kind_v4(Undeliverable reason) {
  switch (reason) {
    case Undeliverable::kNoRoute:
      return {3, 0};
    case Undeliverable::kUnreachable:
      return {3, 1};
    case Undeliverable::kProhibited:
      return {3, 13};
    case Undeliverable::kTooBig:
      break;
  }
  return {3, 4};
}

Kind kind_v6(Undeliverable reason) {
  switch (reason) {
    case Undeliverable::kNoRoute:
      return {1, 0};
    case Undeliverable::kUnreachable:
      return {1, 3};
    case Undeliverable::kProhibited:
      return {1, 1};
    case Undeliverable::kTooBig:
      break;
  }
  return {2, 0};
}

/// RFC 792: unreachable, source quench, redirect, time exceeded, parameter problem.
bool is_error_v4(std::uint8_t type) {
  return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}
/// RFC 4443 section 2.1, and redirect, which section 2.4 counts among them.
bool is_error_v6(std::uint8_t type) {
  return type < 128 || type == 137;
}

bool is_multicast_v6(const std::uint8_t* address) {
  return address[0] == 0xff;
}
bool is_one_host_v4(const std::uint8_t* address) {
  return address[0] != 0 && address[0] != 127 && address[0] < 224;
}
/// Neither multicast nor :: nor ::1.
bool is_one_host_v6(const std::uint8_t* address) {
  constexpr std::uint8_t kZero[15] = {};
  const bool special = std::memcmp(address, kZero, sizeof kZero) == 0 && address[15] <= 1;
  return !is_multicast_v6(address) && !special;
}

bool may_answer(ByteView packet, const IpPacket& ip, Undeliverable reason) {
  const auto transport = find_transport(packet, ip);
  if (!transport || transport->fragmentation == Fragmentation::kLater) return false;
  const bool v4 = ip.family == Family::kIpv4;
  if (transport->protocol == (v4 ? kProtocolIcmp : kProtocolIcmpv6)) {
    if (transport->offset >= ip.length) return false;
    const std::uint8_t type = packet[transport->offset];
    if (v4 ? is_error_v4(type) : is_error_v6(type)) return false;
  }
  if (v4) {
    const bool fragmentable = (load_be16(packet.data() + 6) & kIpv4DontFragment) == 0;
    if (reason == Undeliverable::kTooBig && fragmentable) return false;
    return is_one_host_v4(ip.source) && is_one_host_v4(ip.destination);
  }
  if (!is_one_host_v6(ip.source)) return false;
  return reason == Undeliverable::kTooBig || !is_multicast_v6(ip.destination);  // multicast may be too big
}

std::size_t write_v4(MutableBytes out, ByteView quoted, const IpPacket& ip, Undeliverable reason,
                     const IpAddress& from, std::size_t mtu) {
  const std::size_t total = kIpv4HeaderSize + kIcmpHeader + quoted.size();
  std::uint8_t* header = out.data();
  header[0] = 0x45;
  header[1] = kTypeOfService;
  store_be16(header + 2, static_cast<std::uint16_t>(total));
  store_be16(header + 6, kIpv4DontFragment);
  header[8] = kHops;
  header[9] = kProtocolIcmp;
  std::memcpy(header + 12, from.bytes().data(), 4);
  std::memcpy(header + 16, ip.source, 4);
  set_ipv4_checksum(header, kIpv4HeaderSize);

  const Kind kind = kind_v4(reason);
  std::uint8_t* icmp = header + kIpv4HeaderSize;
  icmp[0] = kind.type;
  icmp[1] = kind.code;
  if (reason == Undeliverable::kTooBig) {  // RFC 1191 section 4
    store_be16(icmp + 6, static_cast<std::uint16_t>(std::clamp<std::size_t>(mtu, 68, UINT16_MAX)));
  }
  std::memcpy(icmp + kIcmpHeader, quoted.data(), quoted.size());
  store_le(icmp + 2, finish(sum_bytes({icmp, kIcmpHeader + quoted.size()})));
  return total;
}

std::size_t write_v6(MutableBytes out, ByteView quoted, const IpPacket& ip, Undeliverable reason,
                     const IpAddress& from, std::size_t mtu) {
  const std::size_t length = kIcmpHeader + quoted.size();
  std::uint8_t* header = out.data();
  header[0] = 0x60;
  store_be16(header + 4, static_cast<std::uint16_t>(length));
  header[6] = kProtocolIcmpv6;
  header[7] = kHops;
  std::memcpy(header + 8, from.bytes().data(), 16);
  std::memcpy(header + 24, ip.source, 16);

  const Kind kind = kind_v6(reason);
  std::uint8_t* icmp = header + kIpv6HeaderSize;
  icmp[0] = kind.type;
  icmp[1] = kind.code;
  if (reason == Undeliverable::kTooBig) {
    store_be32(icmp + 4, static_cast<std::uint32_t>(std::clamp<std::size_t>(mtu, 1280, UINT32_MAX)));
  }
  std::memcpy(icmp + kIcmpHeader, quoted.data(), quoted.size());
  PartialSum sum = sum_bytes({icmp, length});
  if (const auto answer = IpPacket::parse(out.first(kIpv6HeaderSize + length))) {
    sum += pseudo_header_sum(*answer, kProtocolIcmpv6, length);
  }
  store_le(icmp + 2, finish(sum));
  return kIpv6HeaderSize + length;
}

}  // namespace

std::size_t write_icmp_error(MutableBytes out, ByteView packet, const IpPacket& ip, Undeliverable reason,
                             const IpAddress& from, std::size_t mtu) {
  if (out.size() < kMaxIcmpError || from.family() != ip.family || !may_answer(packet, ip, reason)) return 0;
  const bool v4 = ip.family == Family::kIpv4;
  const std::size_t room =
      v4 ? kMaxIcmpv4Error - kIpv4HeaderSize - kIcmpHeader : kMaxIcmpError - kIpv6HeaderSize - kIcmpHeader;
  const ByteView quoted = packet.first(std::min(ip.length, room));
  std::memset(out.data(), 0, kIpv6HeaderSize + kIcmpHeader);
  return v4 ? write_v4(out, quoted, ip, reason, from, mtu) : write_v6(out, quoted, ip, reason, from, mtu);
}

}  // namespace tunneld::net
