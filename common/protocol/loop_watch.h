// Detects loops: stations that are heard alternately behind two ports of the switch.
//
// If two networks that the tunnel joins have a second link between them, each broadcast circulates, and a
// switch sees its source now on one side and now on the other. A station that moves (a virtual machine, a
// laptop between two access points) changes sides only occasionally. When a redundant link fails, all
// stations move, but in one direction. So a loop means many moves in both directions that go on for some
// time.
//
// Two machines with the same address look the same, and so does a peer that sends from others' addresses.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/net/mac_table.h"

namespace tunneld::protocol {

/// Moves between each two ports. Any thread counts, without a lock; a lost race loses a move or two.
class MoveCounter {
 public:
  struct Moves {
    net::MacTable::Port one = 0;  ///< the lower number
    net::MacTable::Port other = 0;
    std::uint32_t there = 0;  ///< from one to the other
    std::uint32_t back = 0;
    net::Station station{};  ///< the last one that moved
  };
  /// At most this many pairs of ports at once.
  static constexpr std::size_t kPairs = 64;

  void count(const net::Station& station, net::MacTable::Port from, net::MacTable::Port to);
  /// From one thread: the moves since the last call.
  [[nodiscard]] std::vector<Moves> take();

 private:
  struct Slot {
    std::atomic<std::uint64_t> ports{0};  ///< 0: free
    std::atomic<std::uint32_t> there{0};
    std::atomic<std::uint32_t> back{0};
    std::atomic<std::uint64_t> station{0};
  };
  std::array<Slot, kPairs> slots_;
};

struct Loop {
  net::MacTable::Port one = 0;
  net::MacTable::Port other = 0;
  /// One of the stations that are heard on both sides.
  net::Station station{};
  Instant since{};
};

/// Control thread; sans-IO.
class LoopWatch {
 public:
  /// A loop: in two consecutive samples, at least this many moves in each direction, and at least one per
  /// second.
  static constexpr std::uint32_t kReturns = 5;
  /// A loop is over when no sample has shown it for this long.
  static constexpr Duration kOver = std::chrono::seconds(30);

  /// Takes the moves since the last sample, some seconds ago. Returns the loops that have begun.
  std::vector<Loop> sample(const std::vector<MoveCounter::Moves>& moves, Instant now);
  /// The port has been removed.
  void forget(net::MacTable::Port port);
  /// As of the last sample.
  [[nodiscard]] std::vector<Loop> loops() const;

 private:
  struct Pair {
    Loop loop;
    Instant seen{};
    bool is_loop = false;
  };
  std::map<std::pair<net::MacTable::Port, net::MacTable::Port>, Pair> pairs_;
  std::optional<Instant> sampled_;
};

}  // namespace tunneld::protocol
