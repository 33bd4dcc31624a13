// Limits how often others can make something happen: first a burst, then one per interval.
#pragma once

#include <algorithm>

#include "common/clock.h"

namespace tunneld {

class Pace {
 public:
  constexpr Pace(unsigned at_once, Duration each) : at_once_(at_once), each_(each) {}

  /// True: allowed, and counted.
  [[nodiscard]] bool allow(Instant now) {
    const Instant next = std::max(full_at_, now) + each_;
    if (next - now > at_once_ * each_) return false;
    full_at_ = next;
    return true;
  }

 private:
  unsigned at_once_;
  Duration each_;
  /// When the whole burst of `at_once_` is available again (ITU-T I.371's generic cell rate algorithm).
  Instant full_at_{};
};

}  // namespace tunneld
