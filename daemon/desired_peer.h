// The desired state of a peer: its configuration, with what has been leased to it or accepted from it.
#pragma once

#include "common/crypto/keys.h"
#include "config/config.h"

namespace tunneld::daemon {

struct DesiredPeer {
  config::PeerConfig config;
  /// nullptr: none. Belongs to the Inputs from which the peer was computed.
  const crypto::PresharedKey* preshared_key = nullptr;
  /// Packets between two isolated peers are dropped.
  bool isolated = false;
};

}  // namespace tunneld::daemon
