// Control frames: what two tunnelds say to each other inside the tunnel (docs/extension.md).
//
// A control frame is the plaintext of a data message whose first nibble is neither 4 nor 6. A stock WireGuard
// peer authenticates it, finds no IP packet, and drops it. Frames are parsed only after authentication but
// are not trusted: the peer may be broken or hostile. A body is accepted or refused as a whole.
#pragma once

#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/json.h"
#include "common/protocol/frame_header.h"

namespace tunneld::protocol {

struct ControlFrame {
  FrameType type;
  Json body;  ///< an object
};

/// nullopt for a frame of more than kMaxControlFrame bytes.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> encode(const ControlFrame& frame);
/// nullopt for a frame that is malformed (a duplicate key, nesting deeper than 8, bytes after the end of the
/// body), too large, of another version, or of a type without a CBOR body. `plain` may have padding. Never
/// throws.
[[nodiscard]] std::optional<ControlFrame> decode_control_frame(ByteView plain);

}  // namespace tunneld::protocol
