// ETHERNET (docs/extension.md): a layer-2 frame as the plaintext of a data message. It stays in the data
// path.
#pragma once

#include <algorithm>
#include <optional>

#include "common/net/ethernet.h"
#include "common/protocol/frame_header.h"
#include "common/protocol/peer/peer_link.h"

namespace tunneld::protocol {

/// The frame header, and two bytes that align the IP header behind an untagged Ethernet header to four.
inline constexpr std::size_t kEthernetPrefix = kFrameHeader + 2;
/// What a plaintext may have in addition to the device's MTU: prefix, Ethernet header, and one VLAN tag,
/// which interfaces do not count as part of the MTU either.
inline constexpr std::size_t kEthernetRoom = kEthernetPrefix + net::kEthernetHeader + net::kVlanTag;
/// Fits into a UDP datagram over IPv4, after header and tag.
inline constexpr std::size_t kLargestPlaintext = 65507 - 32;

/// Used while the path to a peer is unknown: fits into 1500 bytes over IPv6.
inline constexpr std::size_t kAssumedPathMtu = 1420;

/// The largest plaintext for a peer; larger frames are fragmented outside.
[[nodiscard]] inline std::size_t plaintext_limit(std::uint32_t path_mtu) {
  return path_mtu == kNoPathMtu ? kAssumedPathMtu : path_mtu;
}
/// The largest IP packet in a frame that is not fragmented outside, for MSS clamping.
[[nodiscard]] inline std::size_t ip_limit(std::uint32_t device_mtu, std::uint32_t path_mtu,
                                          std::size_t header_length) {
  return std::min<std::size_t>(device_mtu, plaintext_limit(path_mtu) - kEthernetPrefix - header_length);
}

[[nodiscard]] inline bool is_ethernet(ByteView plain) {
  return plain.size() >= 2 && plain[0] == kFrameFirstByte &&
         plain[1] == static_cast<std::uint8_t>(FrameType::kEthernet);
}

/// `out` has room for kEthernetPrefix bytes; the frame of `size` bytes follows.
inline void write_ethernet_prefix(std::uint8_t* out, std::size_t size) {
  out[0] = kFrameFirstByte;
  out[1] = static_cast<std::uint8_t>(FrameType::kEthernet);
  store_le(out + 2, static_cast<std::uint16_t>(size + kEthernetPrefix - kFrameHeader));
  store_le(out + 4, std::uint16_t{0});
}

/// The frame in a plaintext that is_ethernet(); nullopt if the plaintext is shorter than the stated length.
[[nodiscard]] inline std::optional<MutableBytes> ethernet_in(MutableBytes plain) {
  const auto header = FrameHeader::parse(plain);
  constexpr std::size_t kAlignment = kEthernetPrefix - kFrameHeader;
  if (!header || header->length < kAlignment) return std::nullopt;
  return plain.subspan(kEthernetPrefix, header->length - kAlignment);
}

}  // namespace tunneld::protocol
