// Lanes: one peer's data, spread over several workers at both ends, with every inner flow kept in order.
//
// A flow stays with one tun queue and so with one worker. Each worker sends what is its own on a lane of its
// own: from a UDP port of its own, so that nothing on the way mixes two lanes into one stream, and with
// counters of its own, so that the far worker that serves the lane has a replay window of its own and lanes
// may run apart by more than one window. The lane's number is the top four bits of the 64-bit counter (and
// of the AEAD's nonce, which authenticates it). Lane 0 is the tunnel as WireGuard knows it; all that a stock
// peer ever sends or gets. See docs/extension.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/protocol/replay_window.h"

namespace tunneld::protocol {

/// Lanes besides lane 0. Fifteen is left out: WireGuard's highest counters would fall into it.
inline constexpr unsigned kMostLanes = 14;
inline constexpr unsigned kLaneShift = 60;
/// Of one lane, lane 0 included once there are others. No session comes near.
inline constexpr std::uint64_t kCountersPerLane = std::uint64_t{1} << kLaneShift;

/// The sending side of one keypair. Sized and opened by the control thread, used by the workers.
class SendLanes {
 public:
  /// Control thread, once: the peer takes so many.
  void offer(unsigned lanes) {
    if (count() != 0) return;
    lanes_ = std::make_unique<Lane[]>(lanes);
    count_.store(lanes, std::memory_order_release);
  }
  [[nodiscard]] unsigned count() const { return count_.load(std::memory_order_acquire); }
  /// Worker `worker`'s lane, open or not; 0 where there are none.
  [[nodiscard]] unsigned lane_of(std::size_t worker) const {
    const unsigned lanes = count();
    return lanes == 0 ? 0 : 1 + static_cast<unsigned>(worker % lanes);
  }
  [[nodiscard]] bool is_open(unsigned lane) const { return lanes_[lane - 1].open.load(); }
  /// Worker: true for the one who shall ask the control thread to open it.
  [[nodiscard]] bool claim_asking(unsigned lane) {
    Lane& wanted = lanes_[lane - 1];
    return !wanted.asked.load(std::memory_order_relaxed) && !wanted.asked.exchange(true);
  }
  /// Control thread: the peer has heard us on it.
  void open(unsigned lane) { lanes_[lane - 1].open.store(true); }
  /// Control thread: the way has changed, or the question was lost; back to lane 0, and ask again.
  void close(unsigned lane) {
    lanes_[lane - 1].open.store(false);
    lanes_[lane - 1].asked.store(false);
  }
  /// Worker: the peer is elsewhere, and nobody knows whether lanes reach it there. Stays so until the control
  /// thread has closed them.
  void leave() {
    for (unsigned lane = 1; lane <= count(); ++lane) lanes_[lane - 1].open.store(false);
  }
  [[nodiscard]] unsigned open_count() const {
    unsigned open = 0;
    for (unsigned lane = 1; lane <= count(); ++lane) open += is_open(lane) ? 1U : 0U;
    return open;
  }
  /// First of `n` consecutive counters with the lane's number in them; nullopt when the lane is used up.
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
  /// Control thread: from now on lane `lane` is heard. Precondition: 1 <= lane <= kMostLanes.
  void hear(unsigned lane) {
    if (owned_.empty()) owned_.resize(kMostLanes);
    if (owned_[lane - 1]) return;
    owned_[lane - 1] = std::make_unique<ReplayWindow>();
    windows_[lane - 1].store(owned_[lane - 1].get());
  }
  /// The window for a counter's lane; null for lane 0 and for all that is not heard.
  [[nodiscard]] ReplayWindow* window(std::uint64_t counter) const {
    const std::uint64_t lane = counter >> kLaneShift;
    return lane == 0 || lane > kMostLanes ? nullptr : windows_[lane - 1].load(std::memory_order_relaxed);
  }

 private:
  std::vector<std::unique_ptr<ReplayWindow>> owned_;
  std::array<std::atomic<ReplayWindow*>, kMostLanes> windows_{};
};

}  // namespace tunneld::protocol
