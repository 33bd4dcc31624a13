// The switch of a tap interface: its ports are the device (this host, and the bridge that the device may be
// on) and the peers. Given a frame, it learns where its source is and says where the frame goes.
//
// Sans-IO and without a lock: the data workers of both directions ask it for each frame (net/mac_table.h).
//
//   - A known station gets its frames alone; broadcast, multicast and frames to unknown stations are flooded
//     once.
//   - Nothing leaves by the port that it came in by.
//   - Peers see only this host and what is behind the device, unless `client_to_client` lets them see each
//     other.
//   - What a port has flooded is limited per second, and so is what it has learned (in all).
//   - Stations that are heard in turn behind two ports are a loop (loop_watch.h).
//   - The addresses of this host (the device's, the bridge's, those of its ports) are no peer's.
//   - A station that the configuration binds to a peer is at that peer, whatever anybody sends.
#pragma once

#include <algorithm>
#include <vector>

#include "common/clock.h"
#include "common/net/ethernet.h"
#include "common/net/mac_table.h"
#include "common/protocol/counters.h"
#include "common/protocol/loop_watch.h"
#include "common/protocol/quiescence.h"
#include "common/protocol/routing_table.h"

namespace tunneld::protocol {

struct SwitchSettings {
  Duration ageing = std::chrono::seconds(300);
  /// Stations that the table has room for; fixed when the switch is made.
  std::uint32_t stations = 16384;
  std::uint32_t stations_per_peer = 1024;
  bool client_to_client = false;
  /// Per port and second; 0: no limit.
  std::uint32_t floods_per_second = 2000;
};

/// Where a frame goes.
struct FrameWay {
  enum class ToPeers : std::uint8_t { kNone, kOne, kAll };
  bool to_device = false;
  ToPeers to_peers = ToPeers::kNone;
  /// kOne: this one.
  PeerId peer = 0;
  /// Why it goes nowhere, if it does.
  Drop reason = Drop::kNotForwarded;

  [[nodiscard]] bool nowhere() const { return !to_device && to_peers == ToPeers::kNone; }
};

/// A frame of one peer, on its way to others.
struct ForwardedFrame {
  MutableBytes bytes;
  FrameWay way;
  PeerId from;
};

class EthernetSwitch {
 public:
  EthernetSwitch(const SwitchSettings& settings, std::uint64_t seed);

  /// A frame that the device gave.
  FrameWay from_device(const net::EthernetFrame& frame, const RoutingTable& routing, Instant now);
  /// A frame that `peer` sent.
  FrameWay from_peer(const net::EthernetFrame& frame, PeerLink& peer, const RoutingTable& routing,
                     Instant now);

  // Control thread.
  /// `stations` is not changed any more.
  void change(const SwitchSettings& settings);
  /// The peers are others now.
  void set_peers(std::uint32_t count) {
    peers_.store(count, std::memory_order_relaxed);
    table_.set_ports(count + 1);
  }
  void forget(PeerId peer) {
    table_.forget(peer);
    loops_.forget(peer);
  }
  /// The device's own address, which nobody else has.
  void set_own_address(const net::MacAddress& address) { own_address_.store(address.number()); }
  /// What else this host answers to behind the device (a bridge, its ports), which nobody else has either.
  void set_host_addresses(const std::vector<net::MacAddress>& addresses, Quiescence& quiescence);
  /// Forgets the aged, and looks for loops: returns those that have begun. Wants to be called every
  /// kSweepInterval.
  std::vector<Loop> sweep(const RoutingTable& routing, Instant now);
  static constexpr Duration kSweepInterval = std::chrono::seconds(5);

  /// The device's port, as loops() and the table have it; any other is a peer's.
  static constexpr net::MacTable::Port kDevice = 0x7ffffffe;
  /// Of the last sweep.
  [[nodiscard]] std::vector<Loop> loops() const { return loops_.loops(); }
  [[nodiscard]] std::uint32_t stations() const { return table_.stations(); }
  [[nodiscard]] std::uint32_t stations_at_device() const {
    return device_.stations.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool client_to_client() const { return client_to_client_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] bool is_own(const net::MacAddress& address) const {
    if (address.number() == own_address_.load(std::memory_order_relaxed)) return true;
    const auto* others = host_addresses_.get();
    return others != nullptr && std::ranges::binary_search(*others, address);
  }
  void learn(const net::EthernetFrame& frame, net::MacTable::Port port, net::MacTable::PortUse& use,
             std::uint32_t most, const RoutingTable& routing, net::MacTable::Seconds now);
  [[nodiscard]] bool may_flood(FloodLimit& port, Instant now) const {
    return port.allow(now, floods_per_second_.load(std::memory_order_relaxed));
  }

  net::MacTable table_;
  MoveCounter moves_;
  LoopWatch loops_;
  net::MacTable::PortUse device_;
  FloodLimit device_floods_;
  std::atomic<std::uint32_t> peers_{0};
  std::atomic<std::uint64_t> own_address_{0};  ///< 0: not known
  Published<const std::vector<net::MacAddress>> host_addresses_;
  const std::uint32_t most_at_device_;
  std::atomic<std::uint32_t> most_per_peer_;
  std::atomic<bool> client_to_client_;
  std::atomic<std::uint32_t> floods_per_second_;
};

}  // namespace tunneld::protocol
