// What the data path knows of a peer, shared between the control thread and the data workers.
//
// Timers without timer calls: workers only stamp times. The control thread looks at the stamps when a
// deadline comes and either acts or sets the next one (peer_timers in peer.cc). A worker rings the door only
// when no look is due, which is at most once in ten seconds for a busy peer and never for an idle one.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "common/clock.h"
#include "common/net/ip_address.h"
#include "common/net/mac_table.h"
#include "common/protocol/counters.h"
#include "common/protocol/flood_limit.h"
#include "common/protocol/keypair.h"
#include "common/protocol/roaming_endpoint.h"

namespace tunneld::protocol {

using PeerId = std::uint32_t;

/// Time stamps of one peer's traffic. Zero means "none". Relaxed: each stands for itself, and the control
/// thread looks again later.
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
    // Asked for also when the timer ran before: the door may have been full then.
    if (timer.load(std::memory_order_relaxed) == 0) timer.store(at);
    return !watched.load() && !watched.exchange(true);
  }
};

/// One thread's traffic with one peer.
struct alignas(64) TrafficCounters {
  Counter sent_packets, sent_bytes, received_packets, received_bytes, drops;
};

inline constexpr std::uint32_t kNoPathMtu = 65535;
/// What every host takes by IPv4 (RFC 791), whatever the path.
inline constexpr std::uint32_t kLeastPathMtu = 576;

/// Whether Ethernet frames are exchanged with a peer.
enum class Layer2 : std::uint8_t {
  kUnknown,  ///< no HELLO yet: frames for the peer wait, those of the peer are taken
  kReady,    ///< both sides say tap
  kRefused,  ///< the peer does not, or is a stock one
};
/// More than this may be too large for a path; every path that the search accepts carries it.
inline constexpr std::uint32_t kLargePacket = 1200;

struct PeerLink {
  PeerLink(PeerId peer_id, std::size_t threads) : id(peer_id), traffic(threads) {}

  const PeerId id;
  /// The keypair that new data is sealed with; null while there is no confirmed session. Owned by Peer.
  std::atomic<Keypair*> sending{nullptr};
  /// What takes its place once the peer has confirmed it; null as a rule. Owned by Peer.
  std::atomic<Keypair*> next{nullptr};
  RoamingEndpoint endpoint;
  /// Without an endpoint, there will be one (its name is being looked up): packets wait for it. Otherwise
  /// such a peer has to call first, and packets for it are answered by ICMP.
  std::atomic<bool> awaits_endpoint{false};
  /// The largest inner packet that the path to the peer carries, bytes; kNoPathMtu while nobody knows. At
  /// least kLeastPathMtu.
  std::atomic<std::uint32_t> path_mtu{kNoPathMtu};
  /// Our own kernel fragments datagrams with inner packets of this size or larger.
  std::atomic<std::uint32_t> fragmented_from{0};
  /// A datagram with more than kLargePacket bytes inside has left since the control thread last looked.
  std::atomic<bool> large_sent{false};
  Activity activity;
  /// Ethernet frames, at a tap interface. Written by the control thread alone.
  std::atomic<Layer2> layer2{Layer2::kUnknown};
  /// The way to it leads back into the tunnel: nothing may be sent to it, or taken from it. Of a tap.
  std::atomic<bool> loops{false};
  /// What the switch has learned of this peer, and what it has flooded for it lately.
  net::MacTable::PortUse stations;
  FloodLimit floods;
  /// A move that could not be published is on its way through the door: one at a time, however often the
  /// peer's packets change their source.
  std::atomic<bool> move_told{false};
  /// Indexed by thread: one writer each.
  std::vector<TrafficCounters> traffic;

  /// What new data is sealed with at this moment. A confirmation counts at once, before the control thread
  /// has heard of it: the packet that confirmed is in the device then, and its answer must not leave under
  /// the keypair before, or wait as if there were none.
  [[nodiscard]] Keypair* keypair_to_send() const {
    Keypair* confirmed = next.load();  // before `sending`, which it moves to
    if (confirmed != nullptr && confirmed->confirmed.load()) return confirmed;
    return sending.load();
  }
};

}  // namespace tunneld::protocol
