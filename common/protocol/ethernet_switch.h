// The switch of a tap interface. Its ports are the peers and the device (this host, and the bridge that the
// device may belong to). For each frame it learns where the source is and returns where the frame goes.
//
// Sans-IO and without a lock: the data workers of both directions call it for each frame (net/mac_table.h).
//
//   - A frame for a known station goes only to that station; broadcast, multicast and frames for unknown
//     stations are flooded once.
//   - A frame never leaves by the port that it came in by.
//   - Peers see only this host and what is behind the device, unless `client_to_client` lets them see each
//     other.
//   - The frames that a port has flooded are limited per second, and the stations learned there in total.
//   - Stations that are heard alternately behind two ports are a loop (loop_watch.h).
//   - No peer can take the addresses of this host (the device's, the bridge's, those of its ports).
//   - A station that the configuration binds to a peer is at that peer, whoever else sends from its address.
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
  /// The number of stations that the table has room for; fixed when the switch is made.
  std::uint32_t stations = 16384;
  std::uint32_t stations_per_peer = 1024;
  bool client_to_client = false;
  /// Per port and second; 0: no limit.
  std::uint32_t floods_per_second = 2000;
};

/// Where a frame goes.
struct ForwardingDecision {
  enum class ToPeers : std::uint8_t { kNone, kOne, kAll };
  bool to_device = false;
  ToPeers to_peers = ToPeers::kNone;
  /// The peer, for kOne.
  PeerId peer = 0;
  /// Why the frame goes nowhere, if so.
  Drop reason = Drop::kNotForwarded;

  [[nodiscard]] bool nowhere() const { return !to_device && to_peers == ToPeers::kNone; }
};

/// A frame from one peer to others.
struct ForwardedFrame {
  MutableBytes bytes;
  ForwardingDecision decision;
  PeerId from;
};

class EthernetSwitch {
 public:
  EthernetSwitch(const SwitchSettings& settings, std::uint64_t seed);

  /// For a frame that was read from the device.
  ForwardingDecision from_device(const net::EthernetFrame& frame, const RoutingTable& routing, Instant now);
  /// For a frame that `peer` sent.
  ForwardingDecision from_peer(const net::EthernetFrame& frame, PeerLink& peer, const RoutingTable& routing,
                               Instant now);

  // Control thread.
  /// Takes the settings, but `stations` stays as it was.
  void change(const SwitchSettings& settings);
  /// The number of peers has changed.
  void set_peers(std::uint32_t count) {
    peers_.store(count, std::memory_order_relaxed);
    table_.set_ports(count + 1);
  }
  void forget(PeerId peer) {
    table_.forget(peer);
    loops_.forget(peer);
  }
  /// The device's own address, which no peer may use.
  void set_own_address(const net::MacAddress& address) { own_address_.store(address.number()); }
  /// This host's other addresses behind the device (a bridge, its ports), which no peer may use either.
  void set_host_addresses(const std::vector<net::MacAddress>& addresses, Quiescence& quiescence);
  /// Forgets aged stations and looks for loops; returns the loops that have begun. Call it every
  /// kSweepInterval.
  std::vector<Loop> sweep(const RoutingTable& routing, Instant now);
  static constexpr Duration kSweepInterval = std::chrono::seconds(5);

  /// The device's port number in loops() and the table; any other is a peer's.
  static constexpr net::MacTable::Port kDevice = 0x7ffffffe;
  /// As of the last sweep.
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
