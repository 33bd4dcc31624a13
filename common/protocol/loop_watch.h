// Whether frames run in a circle: stations that are heard in turn behind two ports of the switch.
//
// A second link between two networks that the tunnel joins carries each broadcast round and round, and a
// switch sees its source now on one side and now on the other. A station that moves (a virtual machine, a
// laptop between two access points) changes sides once in a while, and when a redundant link fails, all do,
// but in one direction. So what counts is the number of moves in both directions, and that it lasts.
//
// Two machines with one address look the same, and so does a peer that sends from others' addresses.
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

/// Moves between each two ports. Any thread counts, without a lock; a lost race costs a move or two.
class MoveCounter {
 public:
  struct Moves {
    net::MacTable::Port one = 0;  ///< the lower number
    net::MacTable::Port other = 0;
    std::uint32_t there = 0;  ///< from one to the other
    std::uint32_t back = 0;
    net::Station station{};  ///< the last that has moved
  };
  /// Of so many pairs of ports at once.
  static constexpr std::size_t kPairs = 64;

  void count(const net::Station& station, net::MacTable::Port from, net::MacTable::Port to);
  /// One thread: those since the last call.
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
  /// One of those that are heard on both sides.
  net::Station station{};
  Instant since{};
};

/// Control thread; sans-IO.
class LoopWatch {
 public:
  /// In two samples in a row so many moves in each direction, and at least one a second.
  static constexpr std::uint32_t kReturns = 5;
  /// A loop is over when no sample has shown it for so long.
  static constexpr Duration kOver = std::chrono::seconds(30);

  /// What has moved since the last sample, which is some seconds ago. Returns the loops that have begun.
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
