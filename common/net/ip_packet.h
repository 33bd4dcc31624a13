// Views over inner packets: what a packet says of itself, checked once against the bytes that are there.
#pragma once

#include <optional>

#include "common/bytes.h"
#include "common/net/ip_address.h"

namespace tunneld::net {

inline constexpr std::size_t kIpv4HeaderSize = 20;
inline constexpr std::size_t kIpv6HeaderSize = 40;
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;

/// An IPv4 or IPv6 packet whose length fields fit the buffer it was found in.
struct IpPacket {
  Family family;
  /// Of header and payload, from the IP header; what follows in the buffer is padding.
  std::size_t length;
  /// IHL for IPv4, 40 for IPv6.
  std::size_t header_length;
  const std::uint8_t* source;
  const std::uint8_t* destination;
  /// IPv4's protocol or IPv6's first next-header.
  std::uint8_t protocol;
  /// ToS or traffic class.
  std::uint8_t traffic_class;

  /// nullopt for what is no whole IP packet: version, header length, or a length beyond the buffer (RFC 791,
  /// RFC 8200; jumbograms have length zero and are refused).
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

}  // namespace tunneld::net
