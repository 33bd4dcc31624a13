// What the data path knows of a peer, shared between the control thread and the data workers.
//
// Workers set no timers: they only store time stamps. The control thread looks at the stamps at a deadline,
// and either acts or sets the next deadline (silence_watch.h). A worker rings the door only if no look
// is scheduled: at most once in ten seconds for a busy peer, never for an idle one.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "common/clock.h"
#include "common/net/ip_address.h"
#include "common/net/mac_table.h"
#include "common/protocol/constants.h"
#include "common/protocol/counters.h"
#include "common/protocol/flood_limit.h"
#include "common/protocol/keypair.h"
#include "common/protocol/peer/roaming_endpoint.h"

namespace tunneld::protocol {

using PeerId = std::uint32_t;

/// Time stamps of one peer's traffic. Zero means "none". Relaxed order: the stamps are independent of each
/// other, and the control thread looks again later.
struct Activity {
  /// First data sent since something authenticated was last received: starts the 15 s wait for a new
  /// handshake.
  std::atomic<Instant::rep> unanswered_send{0};
  /// First data received since something authenticated was last sent: starts the 10 s wait for a keepalive.
  std::atomic<Instant::rep> unanswered_receive{0};
  /// Last authenticated message in either direction, for persistent keepalives.
  std::atomic<Instant::rep> last_traversal{0};
  std::atomic<Instant::rep> last_received{0};
  /// The control thread will look at these stamps within the shortest timeout.
  std::atomic<bool> watched{false};

  /// Returns true when the control thread must be told to watch this peer.
  bool stamp_sent(Instant now, bool carries_data) {
    const Instant::rep at = now.time_since_epoch().count();
    if (unanswered_receive.load(std::memory_order_relaxed) != 0)
      unanswered_receive.store(0, std::memory_order_relaxed);
    last_traversal.store(at, std::memory_order_relaxed);
    if (!carries_data) return false;
    return arm(unanswered_send, at);
  }
  bool stamp_received(Instant now, bool carries_data) {
    const Instant::rep at = now.time_since_epoch().count();
    if (unanswered_send.load(std::memory_order_relaxed) != 0)
      unanswered_send.store(0, std::memory_order_relaxed);
    last_traversal.store(at, std::memory_order_relaxed);
    last_received.store(at, std::memory_order_relaxed);
    if (!carries_data) return false;
    return arm(unanswered_receive, at);
  }

 private:
  bool arm(std::atomic<Instant::rep>& timer, Instant::rep at) {
    // Also requested if the timer already ran: the door may have been full when it was started.
    if (timer.load(std::memory_order_relaxed) == 0) timer.store(at);
    return !watched.load() && !watched.exchange(true);
  }
};

/// One thread's traffic with one peer.
struct alignas(64) TrafficCounters {
  Counter sent_packets, sent_bytes, received_packets, received_bytes, drops;
};

inline constexpr std::uint32_t kNoPathMtu = 65535;
/// Every IPv4 host accepts this size (RFC 791), whatever the path.
inline constexpr std::uint32_t kLeastPathMtu = 576;

/// Whether Ethernet frames are exchanged with a peer.
enum class Layer2 : std::uint8_t {
  kUnknown,  ///< no HELLO yet: frames for the peer wait, frames from the peer are accepted
  kReady,    ///< both sides have a tap
  kRefused,  ///< the peer has no tap, or is a stock one
};
/// A larger packet may be too large for a path; every path that the search accepts carries this size.
inline constexpr std::uint32_t kLargePacket = 1200;

struct PeerLink {
  PeerLink(PeerId peer_id, std::size_t threads) : id(peer_id), traffic(threads) {}

  const PeerId id;
  /// The keypair that new data is sealed with; null while there is no confirmed session. Owned by Peer.
  std::atomic<Keypair*> sending{nullptr};
  /// Replaces `sending` once the peer has confirmed it; mostly null. Owned by Peer.
  std::atomic<Keypair*> next{nullptr};
  RoamingEndpoint endpoint;
  /// The endpoint is missing but its name is being looked up: packets wait for it. If false, a peer without
  /// an endpoint has to call first, and packets for it are answered by ICMP.
  std::atomic<bool> awaits_endpoint{false};
  /// The largest inner packet that the path to the peer carries, in bytes; kNoPathMtu while unknown. At least
  /// kLeastPathMtu.
  std::atomic<std::uint32_t> path_mtu{kNoPathMtu};
  /// Our kernel fragments datagrams whose inner packets have this size or more.
  std::atomic<std::uint32_t> fragmented_from{0};
  /// A datagram with more than kLargePacket bytes inside has left since the control thread last looked.
  std::atomic<bool> large_sent{false};
  Activity activity;
  /// Ethernet frames, at a tap interface. Written by the control thread alone.
  std::atomic<Layer2> layer2{Layer2::kUnknown};
  /// The route to the peer leads back into the tunnel: nothing may be sent to it or accepted from it. For a
  /// tap.
  std::atomic<bool> loops{false};
  /// The stations that the switch has learned from this peer, and the frames that it has flooded for it
  /// lately.
  net::MacTable::PortUse stations;
  FloodLimit floods;
  /// A move that could not be published is on its way through the door. Only one at a time, however often the
  /// source of the peer's packets changes. One more than the counter of the newest message that could not
  /// move the peer; 0: none is on its way.
  std::atomic<std::uint64_t> move_told{0};
  /// Indexed by thread: one writer each.
  std::vector<TrafficCounters> traffic;

  /// The keypair to seal new data with now. A confirmation takes effect at once, before the control thread
  /// has heard of it: by then the packet that confirmed is in the device, and its answer must neither leave
  /// under the old keypair nor wait for a session.
  [[nodiscard]] Keypair* keypair_to_send() const {
    Keypair* confirmed = next.load();  // before `sending`, which it moves to
    if (confirmed != nullptr && confirmed->confirmed.load()) return confirmed;
    return sending.load();
  }
  /// Control thread: what it may still seal with; null: nothing.
  [[nodiscard]] Keypair* live_keypair(Instant now) const {
    Keypair* keypair = sending.load();
    if (keypair == nullptr || keypair->expired(now) || keypair->counters_used() >= kRejectAfterMessages)
      return nullptr;
    return keypair;
  }
};

}  // namespace tunneld::protocol
