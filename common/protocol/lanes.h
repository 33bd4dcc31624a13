// Lanes: the data of one peer, spread over several workers at both ends, with the order kept within each
// inner flow.
//
// A flow stays with one tun queue and so with one worker. Each worker sends its flows on a lane of its own. A
// lane has its own UDP port, so that nothing on the way mixes two lanes into one stream. It also has its own
// counters: the remote worker that serves the lane has a replay window for it, and lanes may drift apart by
// more than one window. The lane's number is the top four bits of the 64-bit counter (and of the AEAD's
// nonce, which authenticates it). Lane 0 is the tunnel as WireGuard knows it, and the only one that a stock
// peer sends or receives on. See docs/extension.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/protocol/replay_window.h"

namespace tunneld::protocol {

/// Lanes in addition to lane 0. Lane 15 is not used: WireGuard's highest counters would fall into it.
inline constexpr unsigned kMostLanes = 14;
inline constexpr unsigned kLaneShift = 60;
/// Of each lane, including lane 0 if there are others. No session comes near this number.
inline constexpr std::uint64_t kCountersPerLane = std::uint64_t{1} << kLaneShift;

/// The sending side of one keypair. Sized and opened by the control thread, used by the workers.
class SendLanes {
 public:
  /// Control thread, once: the number of lanes that the peer accepts.
  void offer(unsigned lanes) {
    if (count() != 0) return;
    lanes_ = std::make_unique<Lane[]>(lanes);
    count_.store(lanes, std::memory_order_release);
  }
  [[nodiscard]] unsigned count() const { return count_.load(std::memory_order_acquire); }
  /// The lane of worker `worker`, open or not; 0 if there are no lanes.
  [[nodiscard]] unsigned lane_of(std::size_t worker) const {
    const unsigned lanes = count();
    return lanes == 0 ? 0 : 1 + static_cast<unsigned>(worker % lanes);
  }
  [[nodiscard]] bool is_open(unsigned lane) const { return lanes_[lane - 1].open.load(); }
  /// Worker: true for the one worker that has to ask the control thread to open the lane.
  [[nodiscard]] bool claim_asking(unsigned lane) {
    Lane& wanted = lanes_[lane - 1];
    return !wanted.asked.load(std::memory_order_relaxed) && !wanted.asked.exchange(true);
  }
  /// Control thread: the peer has received our frame on this lane.
  void open(unsigned lane) { lanes_[lane - 1].open.store(true); }
  /// Control thread: the path has changed, or the request was lost. Back to lane 0; the lane may be asked for
  /// again.
  void close(unsigned lane) {
    lanes_[lane - 1].open.store(false);
    lanes_[lane - 1].asked.store(false);
  }
  /// Worker: the peer has moved, and lanes may not reach it at the new address. They stay unused until the
  /// control thread has closed them.
  void leave() {
    for (unsigned lane = 1; lane <= count(); ++lane) lanes_[lane - 1].open.store(false);
  }
  [[nodiscard]] unsigned open_count() const {
    unsigned open = 0;
    for (unsigned lane = 1; lane <= count(); ++lane) open += is_open(lane) ? 1U : 0U;
    return open;
  }
  /// The first of `n` consecutive counters that contain the lane's number; nullopt when the lane is used up.
  [[nodiscard]] std::optional<std::uint64_t> take_counters(unsigned lane, std::uint64_t n) {
    std::atomic<std::uint64_t>& next = lanes_[lane - 1].next;
    const std::uint64_t first = next.fetch_add(n, std::memory_order_relaxed);
    if (first >= kCountersPerLane - n) {
      next.store(kCountersPerLane, std::memory_order_relaxed);
      return std::nullopt;
    }
    return std::uint64_t{lane} << kLaneShift | first;
  }

 private:
  struct alignas(64) Lane {
    std::atomic<std::uint64_t> next{0};
    std::atomic<bool> open{false};
    std::atomic<bool> asked{false};
  };
  std::unique_ptr<Lane[]> lanes_;
  std::atomic<unsigned> count_{0};
};

/// The receiving side of one keypair: a replay window for each lane that the peer has asked for.
class ReceiveLanes {
 public:
  /// Control thread: from now on messages on `lane` are accepted. Precondition: 1 <= lane <= kMostLanes.
  void hear(unsigned lane) {
    if (owned_.empty()) owned_.resize(kMostLanes);
    if (owned_[lane - 1]) return;
    owned_[lane - 1] = std::make_unique<ReplayWindow>();
    windows_[lane - 1].store(owned_[lane - 1].get());
  }
  /// The window for a counter's lane; null for lane 0 and for lanes that are not accepted.
  [[nodiscard]] ReplayWindow* window(std::uint64_t counter) const {
    const std::uint64_t lane = counter >> kLaneShift;
    return lane == 0 || lane > kMostLanes ? nullptr : windows_[lane - 1].load(std::memory_order_relaxed);
  }

 private:
  std::vector<std::unique_ptr<ReplayWindow>> owned_;
  std::array<std::atomic<ReplayWindow*>, kMostLanes> windows_{};
};

}  // namespace tunneld::protocol
