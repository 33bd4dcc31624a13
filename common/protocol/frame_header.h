// The four bytes at the head of every frame that two tunnelds exchange inside the tunnel (docs/extension.md).
//
// Apart from the bodies, because the data path reads the head and never a body.
#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.h"

namespace tunneld::protocol {

/// A frame whose type is not here is ignored.
enum class FrameType : std::uint8_t {
  kHello = 1,
  kConfigRequest = 2,
  kConfig = 3,
  kConfigAck = 4,
  kEthernet = 5,  ///< its body is a layer-2 frame and no CBOR; it never leaves the data path
  kProbe = 6,
  kProbeAck = 7,
  kBye = 8,
  kLane = 9,  ///< comes from a lane's port, which is not where its sender wants to be answered
  kLaneAck = 10,
};

/// High nibble 0: no IP version. Low nibble: the version of this format.
inline constexpr std::uint8_t kFrameFirstByte = 0x01;
inline constexpr std::size_t kFrameHeader = 4;

struct FrameHeader {
  /// Perhaps a type that this version does not know.
  FrameType type;
  /// Of the body, bytes. What follows it is padding.
  std::size_t length;

  /// nullopt for another version of the format, and for a length that the plaintext does not hold.
  [[nodiscard]] static std::optional<FrameHeader> parse(ByteView plain) {
    if (plain.size() < kFrameHeader || plain[0] != kFrameFirstByte) return std::nullopt;
    const std::size_t length = load_le<std::uint16_t>(&plain[2]);
    if (length > plain.size() - kFrameHeader) return std::nullopt;
    return FrameHeader{static_cast<FrameType>(plain[1]), length};
  }
};

}  // namespace tunneld::protocol
