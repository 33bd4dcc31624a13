// The timestamps of our initiations: each is greater than all that its receiver has had from us.
//
// A responder refuses a timestamp that is not greater than the greatest it has seen (whitepaper section 5.1).
// So after a clock was set back, or on a host without a clock chip that starts in the past, we would be
// locked out until the clock has caught up. To avoid this, timestamps follow the clock only if it is ahead:
// otherwise the next tick after the last timestamp is taken. The timestamps of earlier runs are all below a
// mark that the caller keeps; the mark is moved in steps, ahead of use.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>

#include "common/clock.h"

namespace tunneld::protocol {

class Timestamps {
 public:
  /// Called before a timestamp beyond the mark is sent; returns the new mark, at or beyond the timestamp.
  using Reserve = std::function<WallTime(WallTime timestamp, WallTime clock)>;

  /// `mark`: no earlier run has sent a timestamp beyond it.
  void keep(WallTime mark, Reserve reserve) {
    floor_ = std::max(floor_, mark);
    mark_ = mark;
    reserve_ = std::move(reserve);
  }
  /// For a peer whose last timestamp was `last`.
  [[nodiscard]] WallTime next(WallTime clock, WallTime last) {
    const WallTime timestamp = std::max({clock, last + kTick, floor_ + kTick});
    if (reserve_ && timestamp > mark_) mark_ = reserve_(timestamp, clock);
    greatest_ = std::max(greatest_, timestamp);
    return timestamp;
  }
  /// A peer with this last timestamp is removed and may be added again.
  void forget(WallTime last) { floor_ = std::max(floor_, last); }
  /// The greatest timestamp that this run has sent; the epoch if it has sent none.
  [[nodiscard]] WallTime greatest() const { return greatest_; }
  /// How far the clock is behind the timestamps of this and earlier runs; at least zero.
  [[nodiscard]] Duration behind(WallTime clock) const {
    return std::max(Duration::zero(), Duration(std::max(floor_, greatest_) - clock));
  }

 private:
  /// The resolution of Tai64n.
  static constexpr Duration kTick{std::int64_t{1} << 24};

  WallTime floor_{}, mark_{}, greatest_{};
  Reserve reserve_;
};

}  // namespace tunneld::protocol
