// Combines events that come in bursts: a burst is reported once it has been quiet for a while, or, if it does
// not end, at the latest some time after its first event.
#pragma once

#include <algorithm>
#include <optional>

#include "common/clock.h"

namespace tunneld {

class Burst {
 public:
  constexpr Burst(Duration quiet, Duration patience) : quiet_(quiet), patience_(patience) {}

  /// An event at `now`. Returns when to report the burst; the time from a later event replaces it.
  [[nodiscard]] Instant add(Instant now) {
    if (!first_) first_ = now;
    return std::min(now + quiet_, std::max(now, *first_ + patience_));
  }

  /// The burst has been reported: the next event begins another.
  void end() { first_.reset(); }

 private:
  Duration quiet_;
  Duration patience_;
  std::optional<Instant> first_;
};

}  // namespace tunneld
