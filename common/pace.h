// Limits how often others can make something happen: a burst first, then one per interval.
#pragma once

#include <algorithm>

#include "common/clock.h"

namespace tunneld {

class Pace {
 public:
  constexpr Pace(unsigned at_once, Duration each) : at_once_(at_once), each_(each) {}

  /// True counts as one time.
  [[nodiscard]] bool allow(Instant now) {
    const Instant next = std::max(full_at_, now) + each_;
    if (next - now > at_once_ * each_) return false;
    full_at_ = next;
    return true;
  }

 private:
  unsigned at_once_;
  Duration each_;
  /// When all of `at_once_` are there again (ITU-T I.371's generic cell rate algorithm).
  Instant full_at_{};
};

}  // namespace tunneld
