// Shared by both sides of a push: the peer of a frame, and the frames to send.
#pragma once

#include <vector>

#include "common/crypto/keys.h"
#include "common/protocol/control_frame.h"
#include "common/protocol/tunnel.h"

namespace tunneld::daemon {

/// A configured peer. `id` is valid until the peer is removed from the tunnel.
struct PushPeer {
  protocol::PeerId id;
  crypto::PublicKey key;
};

struct PushFrame {
  protocol::PeerId to;
  protocol::ControlFrame frame;
};
/// In the order of sending. A frame to a peer without a session is lost.
using PushFrames = std::vector<PushFrame>;

}  // namespace tunneld::daemon
