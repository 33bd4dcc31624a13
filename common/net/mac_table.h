// A switch's table of source addresses: the port behind which each station was last heard. Learned, aged,
// bounded.
//
// All data workers read the table for every frame. They write it for every station that is new, has moved or
// was not heard lately. So it has no lock: it is a fixed array of slots, each an atomic key and an atomic
// value (port and time). A slot changes its owner only by way of a claimed value, which no reader accepts. A
// reader that sees its key, a live value, and then its key again has therefore read a value of this very
// station. A lost race means that a station is learned one frame later, nothing worse.
//
// No entry is ever evicted by another. The memory is fixed when the table is made. A port that has used up
// its budget learns no more, and half of the table is divided evenly between the ports: however many ports
// flood, each other port can still learn its share. Some switches evict their oldest entry instead; there,
// one station that invents addresses makes the traffic of all others be flooded.
//
// Each station has two buckets of four slots, one cache line each, chosen by a keyed hash, so nobody can
// choose addresses that all fall into one bucket. There are twice as many slots as stations, so a station
// rarely finds both buckets full; it is not learned then.
// only by a rare accident; it is not learned then.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/net/mac_address.h"

namespace tunneld::net {

/// An address in a VLAN: the same address may be at different ports in different VLANs.
struct Station {
  MacAddress address;
  std::uint16_t vlan = 0;
};

class MacTable {
 public:
  /// Below 2^31 - 1.
  using Port = std::uint32_t;
  /// On a clock that only goes forward.
  using Seconds = std::uint32_t;

  /// What a port has in the table. A race with a sweep may make the counts slightly wrong until the next
  /// sweep.
  struct PortUse {
    std::atomic<std::uint32_t> stations{0};
    /// How often a station was heard here that was at another port before.
    std::atomic<std::uint32_t> moves{0};
    /// Stations that were here have moved to another port or were forgotten.
    void leave(std::uint32_t count = 1);
  };

  enum class Learned : std::uint8_t {
    kKnown,
    kNew,
    kMoved,
    /// The budget of the port, or the table, is used up. If the station was known elsewhere, that entry is
    /// dropped too: frames to it are flooded.
    kRefused,
  };

  /// Room for `stations`; `seed` is the hash's secret.
  MacTable(std::uint32_t stations, std::uint64_t seed);

  /// Control thread: the number of ports that share the divided half.
  void set_ports(std::uint32_t ports);
  /// A station is forgotten after this time without a frame.
  void set_ageing(Seconds ageing) { ageing_.store(ageing, std::memory_order_relaxed); }

  /// `station` was heard at `port`, which may have `most` stations. `left`: set to the station's previous
  /// port, if that was another one; the caller reduces that port's use.
  Learned learn(const Station& station, Port port, PortUse& use, std::uint32_t most, Seconds now,
                std::optional<Port>* left = nullptr);
  /// nullopt: not known, or not heard for too long.
  [[nodiscard]] std::optional<Port> find(const Station& station, Seconds now) const;

  /// Control thread, periodically: frees the slots of aged stations, and recounts the others for `ports`.
  void sweep(Seconds now, const std::map<Port, PortUse*>& ports);
  /// Control thread: `port` has been removed.
  void forget(Port port);

  [[nodiscard]] std::uint32_t stations() const { return stations_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t memory() const { return buckets_.size() * sizeof(Bucket); }

 private:
  struct Slot {
    std::atomic<std::uint64_t> key{0};
    /// 0: free. The highest bit: claimed, between two owners. Otherwise the port, and when the station was
    /// heard.
    std::atomic<std::uint64_t> value{0};
  };
  struct alignas(64) Bucket {
    std::array<Slot, 4> slots;
  };

  [[nodiscard]] std::array<std::size_t, 2> buckets_of(std::uint64_t key) const;
  [[nodiscard]] bool is_live(std::uint64_t value, Seconds now) const;
  [[nodiscard]] bool has_budget(const PortUse& use, std::uint32_t most) const;
  [[nodiscard]] bool insert(std::uint64_t key, std::uint64_t value);
  static bool free_slot(Slot& slot, std::uint64_t value);

  const std::uint32_t most_stations_;
  const std::uint64_t seed_;
  std::vector<Bucket> buckets_;
  std::atomic<std::uint32_t> stations_{0};
  std::atomic<std::uint32_t> share_;  ///< of each port, in the divided half
  std::atomic<Seconds> ageing_{300};
};

}  // namespace tunneld::net
