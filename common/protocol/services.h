// What the peers of one tunnel share on the control thread.
#pragma once

#include <atomic>
#include <unordered_map>

#include "common/crypto/aead_engine.h"
#include "common/protocol/counters.h"
#include "common/protocol/hello.h"
#include "common/protocol/index_table.h"
#include "common/protocol/noise_handshake.h"
#include "common/protocol/peer/peer_link.h"
#include "common/protocol/peer/peer_path.h"
#include "common/protocol/quiescence.h"
#include "common/protocol/random_source.h"
#include "common/protocol/timestamps.h"

namespace tunneld::protocol {

/// What this tunneld announces in every HELLO.
struct Extension {
  /// False: control frames are neither sent nor accepted.
  bool enabled;
  std::uint64_t instance;
  Capabilities capabilities;
};

struct Services {
  LocalIdentity identity;
  const crypto::AeadEngine& engine;
  RandomBytes random;
  /// AES-256-GCM may be agreed on with peers that are tunnelds: the engine supports it and the configuration
  /// allows it.
  bool offers_fast_data;
  Extension extension;
  IndexTable& indices;
  Quiescence& quiescence;
  /// For the paths of all peers.
  PathPolicy path_policy;
  /// The device's MTU in bytes: padding stops at it.
  std::atomic<std::uint32_t>& mtu;
  /// The index in PeerLink::traffic under which the control thread counts its own traffic.
  std::size_t control_thread;
  /// The control thread's.
  DropCounters& drops;
  Timestamps timestamps{};

  /// The bytes in the WaitingPackets of all peers together.
  std::size_t waiting_bytes = 0;
  /// Every reserved index, of pending handshakes and keypairs alike.
  std::unordered_map<std::uint32_t, PeerId> index_owner;

  std::uint32_t reserve_index(PeerId peer) {
    const std::uint32_t index = indices.reserve();
    index_owner.emplace(index, peer);
    return index;
  }
  void release_index(std::uint32_t index) {
    indices.release(index);
    index_owner.erase(index);
  }
};

}  // namespace tunneld::protocol
