// What both sides of a push work with: whose frame it is, and the frames that are to be sent.
#pragma once

#include <vector>

#include "common/crypto/keys.h"
#include "common/protocol/control_frame.h"
#include "common/protocol/tunnel.h"

namespace tunneld::daemon {

/// A configured peer. The tunnel knows it by `id` for as long as it stays.
struct PushPeer {
  protocol::PeerId id;
  crypto::PublicKey key;
};

struct PushFrame {
  protocol::PeerId to;
  protocol::ControlFrame frame;
};
/// In the order in which they leave. One to a peer that has no session is lost.
using PushFrames = std::vector<PushFrame>;

}  // namespace tunneld::daemon
