// A peer that is likely to be back, or elsewhere, in a moment is called soon: after about 0.3, 1 and 2 s.
//
// Once per session, because what says that the peer has gone may be forged. The tries are spread, because a
// server ends all its sessions at once.
#pragma once

#include <array>
#include <optional>
#include <utility>

#include "common/clock.h"
#include "common/protocol/constants.h"
#include "common/protocol/random_source.h"

namespace tunneld::protocol {

class Hurry {
 public:
  /// False if this session's hurry has been used up.
  bool begin(Instant now, const RandomBytes& random) {
    if (!allowed_ || now < until_) return false;
    allowed_ = false;
    until_ = now + kLasts;
    tries_ = 0;
    not_before_ = now + kStart + random_up_to(random, kStart);
    return true;
  }
  /// How long the next try waits at least; nullopt: as long as without hurry.
  [[nodiscard]] std::optional<Duration> next_timeout(Instant now) {
    if (now >= until_ || tries_ >= kTimeouts.size()) return std::nullopt;
    return kTimeouts[tries_++];
  }
  /// The first try must not be earlier.
  [[nodiscard]] Instant not_before() const { return not_before_; }
  /// The peer is at another address, and may be called at once.
  void go() { not_before_ = Instant{}; }
  void session_up() {
    allowed_ = true;
    until_ = Instant{};
  }

 private:
  /// How long each early try waits for its response: the tries are then at 0.3, 1, 2 and 4 s.
  static constexpr std::array<Duration, 3> kTimeouts = {700ms, 1s, 2s};
  static constexpr Duration kStart = 300ms;
  /// Early tries that were not made by then are of no use any more.
  static constexpr Duration kLasts = 15s;

  bool allowed_ = true;
  unsigned tries_ = 0;
  Instant until_{};
  Instant not_before_{};
};

}  // namespace tunneld::protocol
