// Detects that one key is used in two places: a client's file was copied to a second machine, and both run.
//
// WireGuard cannot tell them apart. The peer's endpoint follows whoever sent last, so they take the tunnel
// from each other several times a minute, and both have a bad connection. The sign is an address that keeps
// coming back. A roaming peer leaves an address behind, or returns to it after a while, but does not alternate
// all the time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "common/clock.h"
#include "common/net/ip_address.h"

namespace tunneld::daemon {

class KeyUse {
 public:
  struct Places {
    net::SocketAddress one;
    net::SocketAddress other;
    bool operator==(const Places&) const = default;
  };

  /// The peer's packets come from `place` now. Must be cheap, because it is called for each move.
  void heard_from(const net::SocketAddress& place, Instant now) {
    if (here_ && *here_ == place) return;
    if (std::ranges::find(known_, std::optional(place)) != known_.end()) {
      returns_[next_return_++ % returns_.size()] = now;
    } else {
      returns_.fill(std::nullopt);  // a new address: it roams
      known_[next_known_++ % known_.size()] = place;
    }
    before_ = here_;
    here_ = place;
  }

  /// The last two places, while the peer alternates between these or a few more.
  [[nodiscard]] std::optional<Places> two_places(Instant now) const {
    const bool to_and_fro = std::ranges::all_of(
        returns_, [now](const auto& at) { return at.has_value() && now - *at < kWithin; });
    if (!to_and_fro || !here_ || !before_) return std::nullopt;
    return Places{*before_, *here_};
  }

 private:
  /// This many returns within this time are not roaming.
  static constexpr std::size_t kReturns = 6;
  static constexpr Duration kWithin = std::chrono::seconds(60);

  /// A key that is used at up to this many places is still noticed.
  static constexpr std::size_t kPlaces = 8;

  std::optional<net::SocketAddress> here_;
  std::optional<net::SocketAddress> before_;
  std::array<std::optional<Instant>, kReturns> returns_{};
  std::size_t next_return_ = 0;
  std::array<std::optional<net::SocketAddress>, kPlaces> known_{};
  std::size_t next_known_ = 0;
};

}  // namespace tunneld::daemon
