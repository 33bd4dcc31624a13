// All that control thread and data workers share, in one place.
#pragma once

#include <memory>
#include <vector>

#include "common/net/allowed_ips.h"
#include "common/protocol/counters.h"
#include "common/protocol/door.h"
#include "common/protocol/index_table.h"
#include "common/protocol/peer_link.h"
#include "common/protocol/quiescence.h"

namespace tunneld::protocol {

/// Cryptokey routing: which peer owns an inner address, and the peer's link. Immutable once published.
struct RoutingTable {
  net::AllowedIps allowed_ips;
  std::vector<PeerLink*> links;  ///< by PeerId; null where a peer was removed
};

struct DataPlane {
  /// `threads`: all that count or send, data workers and the control thread (the last one).
  DataPlane(std::size_t peers, std::size_t thread_count, RandomBytes random)
      : threads(thread_count), indices(peers, std::move(random), quiescence), drops(thread_count) {
    for (std::size_t i = 0; i + 1 < thread_count; ++i) doors.push_back(std::make_unique<Door>());
  }

  const std::size_t threads;
  Quiescence quiescence;
  IndexTable indices;
  Published<const RoutingTable> routing;
  std::atomic<std::uint32_t> mtu{1420};
  /// net::kMssOff, net::kMssFromPath, or the largest MSS that SYNs may announce through the tunnel, in bytes.
  std::atomic<std::uint32_t> mss_clamp{0};
  std::vector<DropCounters> drops;           ///< by thread
  std::vector<std::unique_ptr<Door>> doors;  ///< by data thread

  [[nodiscard]] std::size_t control_thread() const { return threads - 1; }
};

}  // namespace tunneld::protocol
