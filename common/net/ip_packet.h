// Views over inner packets: the header fields, checked once against the bytes that are there.
//
// There are two steps, because the packet path needs only the first. IpPacket::parse reads the fixed header
// (source, destination, length). find_transport finds the TCP, UDP or ICMP header, which in IPv6 may follow
// extension headers.
#pragma once

#include <optional>

#include "common/bytes.h"
#include "common/net/ip_address.h"

namespace tunneld::net {

inline constexpr std::size_t kIpv4HeaderSize = 20;
/// RFC 8200 section 5: every link carries packets of this size.
inline constexpr std::size_t kIpv6LeastMtu = 1280;
inline constexpr std::size_t kIpv6HeaderSize = 40;
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;
inline constexpr std::uint8_t kIpv6HopByHop = 0;
inline constexpr std::uint8_t kIpv6Routing = 43;
inline constexpr std::uint8_t kIpv6Fragment = 44;
inline constexpr std::uint8_t kIpv6Authentication = 51;
inline constexpr std::uint8_t kIpv6DestinationOptions = 60;

/// Flags and fragment offset of an IPv4 header, at byte 6.
inline constexpr std::uint16_t kIpv4DontFragment = 0x4000;
inline constexpr std::uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr std::uint16_t kIpv4FragmentOffset = 0x1fff;

/// An IPv4 or IPv6 packet whose length fields fit the buffer it was found in.
struct IpPacket {
  Family family;
  /// Of header and payload, from the IP header; any bytes after it in the buffer are padding.
  std::size_t length;
  /// IHL for IPv4, 40 for IPv6.
  std::size_t header_length;
  const std::uint8_t* source;
  const std::uint8_t* destination;
  /// IPv4's protocol or IPv6's first next-header.
  std::uint8_t protocol;
  /// ToS or traffic class.
  std::uint8_t traffic_class;

  /// nullopt unless the bytes are a whole IP packet: wrong version or header length, or a length beyond the
  /// buffer (RFC 791, RFC 8200; jumbograms have length zero and are refused).
  [[nodiscard]] static std::optional<IpPacket> parse(ByteView bytes) {
    if (bytes.empty()) return std::nullopt;
    const std::uint8_t* at = bytes.data();
    if (at[0] >> 4 == 4) {
      if (bytes.size() < kIpv4HeaderSize) return std::nullopt;
      const std::size_t header = std::size_t{at[0] & 15U} * 4;
      const std::size_t total = load_be16(at + 2);
      if (header < kIpv4HeaderSize || total < header || total > bytes.size()) return std::nullopt;
      return IpPacket{Family::kIpv4, total, header, at + 12, at + 16, at[9], at[1]};
    }
    if (at[0] >> 4 == 6) {
      if (bytes.size() < kIpv6HeaderSize) return std::nullopt;
      const std::size_t payload = load_be16(at + 4);
      if (payload == 0 && at[6] == 0) return std::nullopt;  // a jumbogram's hop-by-hop header
      if (kIpv6HeaderSize + payload > bytes.size()) return std::nullopt;
      const auto traffic_class = static_cast<std::uint8_t>(load_be16(at) >> 4);
      return IpPacket{Family::kIpv6, kIpv6HeaderSize + payload, kIpv6HeaderSize, at + 8, at + 24, at[6],
                      traffic_class};
    }
    return std::nullopt;
  }

  [[nodiscard]] IpAddress source_address() const { return address_at(source); }
  [[nodiscard]] IpAddress destination_address() const { return address_at(destination); }

 private:
  [[nodiscard]] IpAddress address_at(const std::uint8_t* at) const {
    if (family == Family::kIpv4) return IpAddress::v4(std::span<const std::uint8_t, 4>(at, 4));
    return IpAddress::v6(std::span<const std::uint8_t, 16>(at, 16));
  }
};

/// True for headers that may stand between an IPv6 header and the transport header (RFC 8200 section 4).
[[nodiscard]] constexpr bool is_ipv6_extension(std::uint8_t next_header) {
  return next_header == kIpv6HopByHop || next_header == kIpv6Routing || next_header == kIpv6Fragment ||
         next_header == kIpv6Authentication || next_header == kIpv6DestinationOptions;
}

enum class Fragmentation : std::uint8_t { kWhole, kFirst, kLater };

/// What an IP packet carries.
struct Transport {
  std::uint8_t protocol;
  Fragmentation fragmentation;
  /// From the start of the packet to the transport header, at most the packet's length. A later fragment has
  /// no transport header: there it is where the payload begins.
  std::size_t offset;
};

/// Whether an IPv6 packet is a router advertisement or a redirect (RFC 4861), or its type cannot be
/// determined. Hosts believe these if they come from a link-local source.
[[nodiscard]] bool may_change_routes(ByteView packet, const IpPacket& ip);

/// `packet`: the bytes that `ip` was parsed from. nullopt if the chain of extension headers does not end
/// within the packet.
[[nodiscard]] std::optional<Transport> find_transport(ByteView packet, const IpPacket& ip);

}  // namespace tunneld::net
