// When systemd's watchdog is fed: only if the control loop and every data thread have moved since it was fed last.
//
// The control loop proves itself by asking. A thread counts its turns; one that waits for packets is woken for
// the proof (DataWorker::poke), so an idle tunnel moves, too. It is asked four times in systemd's limit: a thread
// may be late three times before that kills us.
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
    /// The place in `turns` of a thread that has not moved for half of the limit; once for each time that it
    /// stands still.
    std::optional<std::size_t> stuck{};
  };
  /// `turns`: how often each data thread has moved; nullopt for one that has nothing to do.
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
