// HELLO on each new session (docs/extension.md): when to say it, and what the peer has said of itself.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/clock.h"
#include "common/protocol/constants.h"
#include "common/protocol/hello.h"

namespace tunneld::protocol {

/// Limits the control frames that are looked at, so that a peer cannot keep the control thread busy.
class FrameBudget {
 public:
  [[nodiscard]] bool take(Instant now);

 private:
  static constexpr std::uint64_t kBurst = 100;
  static constexpr Duration kEvery = 20ms;
  std::uint64_t left_ = kBurst;
  Instant refilled_{};
};

class HelloExchange {
 public:
  /// There is a new session, under the keypair `index`. `asks`: HELLO is ours to say first.
  void begin(std::uint32_t index, bool asks, Instant now);
  /// Whether HELLO is to be said now, and again later if it is not answered: see said().
  [[nodiscard]] bool take_due(Instant now);
  void said(Instant now);
  /// The peer has answered.
  void answered() { say_at_ = kNever; }

  struct News {
    /// The first HELLO of this session.
    bool session;
    /// The peer has restarted, or was not known.
    bool life;
  };
  /// The peer's HELLO, under the keypair `index`.
  News learn(const Hello& hello, std::uint32_t index);
  /// The peer's last HELLO is too old to hold any longer.
  [[nodiscard]] bool expired(Instant now) const { return now >= expires_at_; }
  /// The peer counts as a stock one. False if it did already.
  bool forget();
  void reset();

  /// What the peer said of itself last; nullopt for a stock WireGuard peer and before its HELLO.
  [[nodiscard]] const std::optional<Hello>& remote() const { return remote_; }
  /// Silence can be looked into early.
  [[nodiscard]] bool peer_answers_probes() const { return remote_ && remote_->capabilities.probe; }
  [[nodiscard]] Instant deadline() const { return std::min(say_at_, expires_at_); }

 private:
  std::optional<Hello> remote_;
  /// Of the keypair that remote_ was last said under.
  std::uint32_t index_ = 0;
  /// In this session.
  unsigned said_ = 0;
  Instant say_at_ = kNever;
  Instant expires_at_ = kNever;
};

}  // namespace tunneld::protocol
