// The device's MTU follows the path MTU (Daemon::follow_path_mtu()), but not too often.
//
// The path MTU depends on the peer: one that moves between two paths, or one key used on two machines, would
// have the device's MTU set several times a second, each time with a journal entry, a netlink notice and a
// log line. So the MTU is lowered at once, but at a limited rate, and raised only after a pause that doubles
// each time it has been lowered. An MTU that is too large in the meantime costs nothing: the outbound path
// holds packets to each peer's path MTU, whatever the device says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/clock.h"
#include "common/pace.h"

namespace tunneld::daemon {

class DampedMtu {
 public:
  explicit DampedMtu(std::uint32_t mtu) : mtu_(mtu), wanted_(mtu) {}

  /// The path MTU is `wanted` bytes now. Returns the MTU to set; nullopt: none, or not yet.
  [[nodiscard]] std::optional<std::uint32_t> follow(std::uint32_t wanted, Instant now) {
    wanted_ = wanted;
    return due(now);
  }
  /// Returns the same; to be called at deadline().
  [[nodiscard]] std::optional<std::uint32_t> due(Instant now) {
    if (wanted_ == mtu_) return std::nullopt;
    if (wanted_ < mtu_) {
      if (!down_.allow(now)) {
        again_at_ = now + kBetweenFalls;
        return std::nullopt;
      }
      pause_ = now > up_at_ + kForgets ? kFirstPause : std::min(2 * pause_, kLongestPause);
      up_at_ = now + pause_;
    } else if (now < up_at_) {
      again_at_ = up_at_;
      return std::nullopt;
    }
    again_at_ = kNever;
    mtu_ = wanted_;
    return mtu_;
  }
  [[nodiscard]] Instant deadline() const { return wanted_ == mtu_ ? kNever : again_at_; }

 private:
  static constexpr Duration kBetweenFalls = std::chrono::seconds(10);
  static constexpr Duration kFirstPause = std::chrono::seconds(5);
  static constexpr Duration kLongestPause = std::chrono::minutes(5);
  static constexpr Duration kForgets = std::chrono::minutes(5);

  std::uint32_t mtu_;
  std::uint32_t wanted_;
  Pace down_{2, kBetweenFalls};
  Duration pause_ = kFirstPause;
  Instant up_at_{};
  Instant again_at_ = kNever;
};

}  // namespace tunneld::daemon
