// Behind which port is a station? A switch's memory of source addresses: learned, aged, bounded.
//
// All data workers read it for every frame and write it for every new, moved or not lately heard station, so
// it has no lock: a fixed array of slots, each an atomic key and an atomic value (port and time). A slot
// changes hands only through a claimed value that nobody believes, so a reader that finds its key, a live
// value, and then its key again has read one of this station's own values. What a lost race costs is a
// station learned one frame later.
//
// Nothing is ever pushed out. Memory is fixed when the table is made; a port that has used up its budget
// learns no more, and half of the table is divided evenly between the ports, so that no number of flooding
// ones keeps another from learning its share. A table that forgets its oldest instead, as some switches do,
// lets one station that invents addresses turn everybody's traffic into floods.
//
// Two buckets of four slots for each station, one cache line each, chosen by a keyed hash: whoever picks
// addresses cannot aim at one bucket. Slots are twice as many as stations, so that a station finds both full
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

  /// What a port has in the table. Races with a sweep may make it a little wrong until the next one.
  struct PortUse {
    std::atomic<std::uint32_t> stations{0};
    /// Stations that were heard here and had been elsewhere before, so far.
    std::atomic<std::uint32_t> moves{0};
    /// One that was here is elsewhere now, or forgotten.
    void leave(std::uint32_t count = 1);
  };

  enum class Learned : std::uint8_t {
    kKnown,
    kNew,
    kMoved,
    /// The port's budget, or the table, is used up. The station is not where it was either, so that is
    /// forgotten: frames to it are flooded.
    kRefused,
  };

  /// Room for `stations`; `seed` is the hash's secret.
  MacTable(std::uint32_t stations, std::uint64_t seed);

  /// Control thread: how many ports share the half that is divided.
  void set_ports(std::uint32_t ports);
  /// After so long without a frame a station is forgotten.
  void set_ageing(Seconds ageing) { ageing_.store(ageing, std::memory_order_relaxed); }

  /// `station` was heard at `port`, which may have `most` stations. `left`: set to the port where it was
  /// before, if it was at another one; the caller takes it off that port's use.
  Learned learn(const Station& station, Port port, PortUse& use, std::uint32_t most, Seconds now,
                std::optional<Port>* left = nullptr);
  /// nullopt: not known, or not heard for too long.
  [[nodiscard]] std::optional<Port> find(const Station& station, Seconds now) const;

  /// Control thread, from time to time: frees the slots of the aged, and counts for `ports` what is left.
  void sweep(Seconds now, const std::map<Port, PortUse*>& ports);
  /// Control thread: `port` has been removed.
  void forget(Port port);

  [[nodiscard]] std::uint32_t stations() const { return stations_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t memory() const { return buckets_.size() * sizeof(Bucket); }

 private:
  struct Slot {
    std::atomic<std::uint64_t> key{0};
    /// 0: free. The highest bit: claimed, between two owners. Else the port, and when it was heard.
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
