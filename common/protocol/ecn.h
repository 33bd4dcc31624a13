// Congestion marks across the tunnel (RFC 6040, normal mode): the inner mark is copied to the outer header,
// and marks that routers set there are merged into the inner one.
#pragma once

#include <optional>

#include "common/net/checksum.h"
#include "common/net/ip_packet.h"

namespace tunneld::protocol {

inline constexpr std::uint8_t kEcnMask = 3;
inline constexpr std::uint8_t kNotEct = 0, kEct1 = 1, kEct0 = 2, kCongestionExperienced = 3;

/// The inner ECN field after decapsulation (RFC 6040, figure 4); nullopt: the packet must be dropped.
[[nodiscard]] inline std::optional<std::uint8_t> decapsulated_ecn(std::uint8_t inner, std::uint8_t outer) {
  if (outer == kCongestionExperienced) {
    if (inner == kNotEct) return std::nullopt;
    return kCongestionExperienced;
  }
  if (outer == kEct1 && inner == kEct0) return kEct1;
  return inner;
}

/// Writes the ECN field of the packet, and updates IPv4's header checksum by the difference (RFC 1624).
inline void set_ecn(std::uint8_t* packet, net::Family family, std::uint8_t ecn) {
  if (family == net::Family::kIpv6) {
    packet[1] = static_cast<std::uint8_t>((packet[1] & ~0x30) | ecn << 4);
    return;
  }
  const auto before = load_le<std::uint16_t>(packet);
  packet[1] = static_cast<std::uint8_t>((packet[1] & ~unsigned{kEcnMask}) | ecn);
  const auto after = load_le<std::uint16_t>(packet);
  const auto checksum = load_le<std::uint16_t>(packet + 10);
  const net::PartialSum sum =
      static_cast<std::uint16_t>(~checksum) + net::PartialSum{static_cast<std::uint16_t>(~before)} + after;
  store_le(packet + 10, net::finish(sum));
}

}  // namespace tunneld::protocol
