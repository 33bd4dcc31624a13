// Takes events that come in bursts for one: a burst is reported once it has been quiet for a while, and,
// where it does not end, at the latest some time after its first event.
#pragma once

#include <algorithm>
#include <optional>

#include "common/clock.h"

namespace tunneld {

class Burst {
 public:
  constexpr Burst(Duration quiet, Duration patience) : quiet_(quiet), patience_(patience) {}

  /// An event at `now`. Returns when to report the burst; a later event replaces that time.
  [[nodiscard]] Instant add(Instant now) {
    if (!first_) first_ = now;
    return std::min(now + quiet_, std::max(now, *first_ + patience_));
  }

  /// It has been reported: the next event begins another.
  void end() { first_.reset(); }

 private:
  Duration quiet_;
  Duration patience_;
  std::optional<Instant> first_;
};

}  // namespace tunneld
