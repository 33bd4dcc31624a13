// Decides when systemd's watchdog is fed: only if the control loop and every data thread have made a turn since
// the last feed.
//
// The control loop shows that it runs by calling this. A data thread counts its turns; one that waits for packets
// is woken (DataWorker::poke), so that an idle tunnel makes turns, too. There are four checks within systemd's
// limit, so a thread may be late three times before systemd kills us.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/clock.h"

namespace tunneld::daemon {

class Watchdog {
 public:
  /// `limit`: how long systemd waits for a feed.
  Watchdog(Duration limit, Instant now) : limit_(limit), fed_at_(now) {}

  [[nodiscard]] Duration pause() const { return limit_ / 4; }

  struct Answer {
    bool feed = false;
    /// The index in `turns` of a thread that has made no turn for half of the limit. Reported once until it runs
    /// again.
    std::optional<std::size_t> stuck{};
  };
  /// `turns`: how many turns each data thread has made; nullopt for one that has nothing to do.
  [[nodiscard]] Answer ask(const std::vector<std::optional<std::uint64_t>>& turns, Instant now) {
    turns_at_feed_.resize(turns.size());
    for (std::size_t i = 0; i < turns.size(); ++i) {
      if (!turns[i] || turns[i] != turns_at_feed_[i]) continue;
      if (told_ || now - fed_at_ < limit_ / 2) return {};
      told_ = true;
      return {.feed = false, .stuck = i};
    }
    turns_at_feed_ = turns;
    fed_at_ = now;
    told_ = false;
    return {.feed = true};
  }

 private:
  Duration limit_;
  Instant fed_at_;
  std::vector<std::optional<std::uint64_t>> turns_at_feed_;
  bool told_ = false;
};

}  // namespace tunneld::daemon
