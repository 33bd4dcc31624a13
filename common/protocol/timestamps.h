// The timestamps of our initiations: each is greater than all that its receiver has had from us.
//
// A responder refuses what is not greater than the greatest that it has seen (whitepaper section 5.1), so a
// clock that is set back, or a host without a clock chip that starts in the past, would be locked out until
// the clock has caught up. So the clock only leads: where it is behind what was sent, the next tick after
// that is taken. What earlier runs have sent is below a mark that somebody keeps; it is reserved in steps,
// ahead of use.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>

#include "common/clock.h"

namespace tunneld::protocol {

class Timestamps {
 public:
  /// Called before a timestamp beyond the mark leaves; returns the new mark, at or beyond it.
  using Reserve = std::function<WallTime(WallTime timestamp, WallTime clock)>;

  /// `mark`: earlier runs have sent nothing beyond it.
  void keep(WallTime mark, Reserve reserve) {
    floor_ = std::max(floor_, mark);
    mark_ = mark;
    reserve_ = std::move(reserve);
  }
  /// For the peer whose last one was `last`.
  [[nodiscard]] WallTime next(WallTime clock, WallTime last) {
    const WallTime timestamp = std::max({clock, last + kTick, floor_ + kTick});
    if (reserve_ && timestamp > mark_) mark_ = reserve_(timestamp, clock);
    greatest_ = std::max(greatest_, timestamp);
    return timestamp;
  }
  /// A peer that is forgotten has had this one, and may come again.
  void forget(WallTime last) { floor_ = std::max(floor_, last); }
  /// The greatest that this run has sent; the epoch where it has sent none.
  [[nodiscard]] WallTime greatest() const { return greatest_; }
  /// How far the clock is behind what it, or an earlier run's, has said before; at least zero.
  [[nodiscard]] Duration behind(WallTime clock) const {
    return std::max(Duration::zero(), Duration(std::max(floor_, greatest_) - clock));
  }

 private:
  /// What Tai64n rounds to.
  static constexpr Duration kTick{std::int64_t{1} << 24};

  WallTime floor_{}, mark_{}, greatest_{};
  Reserve reserve_;
};

}  // namespace tunneld::protocol
