// Whether Ethernet frames are exchanged with a peer: where both sides say tap, and never otherwise.
#pragma once

#include "common/protocol/constants.h"
#include "common/protocol/peer/peer_link.h"

namespace tunneld::protocol {

class Layer2Agreement {
 public:
  /// `at_tap`: the interface carries Ethernet frames.
  Layer2Agreement(PeerLink& link, bool at_tap) : link_(link), at_tap_(at_tap) {}

  [[nodiscard]] bool at_tap() const { return at_tap_; }
  /// Nothing is known of the peer yet; its HELLO is overdue at the deadline.
  void await(Instant now) {
    link_.layer2.store(Layer2::kUnknown);
    if (at_tap_) decide_at_ = now + kPatience;
  }
  /// Decides by what the peer has said, or has failed to say. True if the decision is a new one.
  bool decide(bool peer_says_tap) {
    decide_at_ = kNever;
    Layer2 decision = Layer2::kUnknown;
    if (at_tap_ != peer_says_tap) {
      decision = Layer2::kRefused;
    } else if (at_tap_) {
      decision = Layer2::kReady;
    }
    return link_.layer2.exchange(decision) != decision;
  }
  void forget() {
    decide_at_ = kNever;
    link_.layer2.store(Layer2::kUnknown);
  }
  [[nodiscard]] bool is_ready() const { return link_.layer2.load() == Layer2::kReady; }
  [[nodiscard]] bool is_refused() const { return link_.layer2.load() == Layer2::kRefused; }
  [[nodiscard]] Instant deadline() const { return decide_at_; }

 private:
  /// An initiator's third HELLO has had its time by then.
  static constexpr Duration kPatience = 5s;

  PeerLink& link_;
  const bool at_tap_;
  Instant decide_at_ = kNever;
};

}  // namespace tunneld::protocol
