// Control frames: what two tunnelds say to each other inside the tunnel (docs/extension.md).
//
// The plaintext of a data message whose first nibble is neither 4 nor 6. A stock WireGuard peer authenticates
// it, finds no IP packet, and drops it. Parsed only after authentication, yet not trusted: the peer may be
// broken or hostile.
#pragma once

#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/bytes.h"

namespace tunneld::protocol {

enum class FrameType : std::uint8_t {
  kHello = 1,
};

struct ControlFrame {
  FrameType type;
  nlohmann::json body;  ///< an object
};

[[nodiscard]] std::vector<std::uint8_t> encode(const ControlFrame& frame);
/// nullopt for anything malformed, too large, of another version or of an unknown type. `plain` may have
/// padding.
[[nodiscard]] std::optional<ControlFrame> decode_control_frame(ByteView plain);

/// What a HELLO says. Unknown keys are ignored, so that later versions may say more.
struct Hello {
  /// The answer to a HELLO, not to be answered itself.
  bool is_answer = false;
  /// The sender can open message type 5 (AES-256-GCM) under this keypair, from now on.
  bool opens_fast_data = false;

  [[nodiscard]] ControlFrame to_frame() const;
  [[nodiscard]] static std::optional<Hello> from(const ControlFrame& frame);
};

}  // namespace tunneld::protocol
