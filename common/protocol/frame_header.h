// The four bytes at the head of every frame that two tunnelds exchange inside the tunnel (docs/extension.md).
//
// This is separate from the bodies, because the data path reads the header and never a body.
#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.h"

namespace tunneld::protocol {

/// A frame of any other type is ignored.
enum class FrameType : std::uint8_t {
  kHello = 1,
  kConfigRequest = 2,
  kConfig = 3,
  kConfigAck = 4,
  kEthernet = 5,  ///< its body is a layer-2 frame and not CBOR; it never leaves the data path
  kProbe = 6,
  kProbeAck = 7,
  kBye = 8,
  kLane = 9,  ///< comes from a lane's port; the answer does not go there but to the peer's endpoint
  kLaneAck = 10,
  kAccepts = 11,
};

/// High nibble 0: not an IP version. Low nibble: the version of this format.
inline constexpr std::uint8_t kFrameFirstByte = 0x01;
inline constexpr std::size_t kFrameHeader = 4;

struct FrameHeader {
  /// May be a type that this version does not know.
  FrameType type;
  /// Of the body, in bytes; anything after the body is padding.
  std::size_t length;

  /// nullopt for another version of the format, and for a length that exceeds the plaintext.
  [[nodiscard]] static std::optional<FrameHeader> parse(ByteView plain) {
    if (plain.size() < kFrameHeader || plain[0] != kFrameFirstByte) return std::nullopt;
    const std::size_t length = load_le<std::uint16_t>(&plain[2]);
    if (length > plain.size() - kFrameHeader) return std::nullopt;
    return FrameHeader{static_cast<FrameType>(plain[1]), length};
  }
};

}  // namespace tunneld::protocol
