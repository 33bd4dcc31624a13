// A peer as it is wanted: what the configuration says of it, and what has been leased to it or accepted of it.
#pragma once

#include "common/crypto/keys.h"
#include "config/config.h"

namespace tunneld::daemon {

struct DesiredPeer {
  config::PeerConfig config;
  /// nullptr: none. Lives as long as the Inputs that the peer was worked out from.
  const crypto::PresharedKey* preshared_key = nullptr;
  /// Packets between two isolated peers are dropped.
  bool isolated = false;
};

}  // namespace tunneld::daemon
