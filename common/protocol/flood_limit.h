// Limits the frames that a peer may have flooded: a bucket of one second's worth, kept in one atomic number.
//
// The number is the time at which the bucket would be full again (the generic cell rate algorithm, ITU-T
// I.371). So all threads that receive from one peer share it without a lock.
#pragma once

#include <algorithm>
#include <atomic>

#include "common/clock.h"

namespace tunneld::protocol {

class FloodLimit {
 public:
  /// `per_second` 0: no limit.
  [[nodiscard]] bool allow(Instant now, std::uint32_t per_second) {
    if (per_second == 0) return true;
    constexpr Instant::rep kSecond = 1'000'000'000;
    const Instant::rep each = kSecond / per_second;
    const Instant::rep at = now.time_since_epoch().count();
    Instant::rep full = full_at_.load(std::memory_order_relaxed);
    for (;;) {
      const Instant::rep next = std::max(full, at) + each;
      if (next - at > kSecond) return false;
      if (full_at_.compare_exchange_weak(full, next, std::memory_order_relaxed)) return true;
    }
  }

 private:
  std::atomic<Instant::rep> full_at_{0};
};

}  // namespace tunneld::protocol
