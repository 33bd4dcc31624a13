// A view over an Ethernet frame as a tap device reads and writes it: no preamble, no check sequence.
//
// Parsing reads what a switch needs: the two addresses, the outermost VLAN, and where the tags end.
// Everything else, whatever its type, is payload and passes unchanged.
#pragma once

#include <optional>

#include "common/bytes.h"
#include "common/net/ip_packet.h"
#include "common/net/mac_address.h"

namespace tunneld::net {

inline constexpr std::size_t kEthernetHeader = 14;
inline constexpr std::size_t kVlanTag = 4;
inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
/// IEEE 802.1Q and 802.1ad.
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;
inline constexpr std::uint16_t kEtherTypeServiceVlan = 0x88a8;
/// A shorter frame is padded to this size on a wire; the check sequence is not counted.
inline constexpr std::size_t kShortestOnWire = 60;

struct EthernetFrame {
  MacAddress destination, source;
  /// Of the outermost tag; 0 for an untagged or only priority-tagged frame.
  std::uint16_t vlan;
  /// Of what follows the tags; a length in a frame of IEEE 802.3.
  std::uint16_t type;
  /// Addresses, tags and type: 14, 18 or 22 bytes.
  std::size_t header_length;

  /// nullopt for bytes that are too short to be a frame, and for a frame with more than two tags.
  [[nodiscard]] static std::optional<EthernetFrame> parse(ByteView bytes) {
    if (bytes.size() < kEthernetHeader) return std::nullopt;
    EthernetFrame frame{
        .destination = MacAddress(bytes.first<MacAddress::kSize>()),
        .source = MacAddress(bytes.subspan<MacAddress::kSize, MacAddress::kSize>()),
        .vlan = 0,
        .type = load_be16(&bytes[kEthernetHeader - 2]),
        .header_length = kEthernetHeader,
    };
    for (int tags = 0; frame.type == kEtherTypeVlan || frame.type == kEtherTypeServiceVlan; ++tags) {
      if (tags == 2 || bytes.size() < frame.header_length + kVlanTag) return std::nullopt;
      const std::uint8_t* tag = &bytes[frame.header_length];
      if (tags == 0) frame.vlan = load_be16(tag) & 0x0fff;
      frame.type = load_be16(tag + 2);
      frame.header_length += kVlanTag;
    }
    return frame;
  }

  /// The IP packet in the frame that this was parsed from; nullopt unless it holds a whole one.
  [[nodiscard]] std::optional<IpPacket> ip(ByteView bytes) const {
    if (type != kEtherTypeIpv4 && type != kEtherTypeIpv6) return std::nullopt;
    const auto packet = IpPacket::parse(bytes.subspan(header_length));
    if (!packet || (packet->family == Family::kIpv4) != (type == kEtherTypeIpv4)) return std::nullopt;
    return packet;
  }
};

}  // namespace tunneld::net
