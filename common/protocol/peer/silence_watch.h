// Whether a peer answers: when a keepalive, a question or a new handshake is due (whitepaper sections 6.2 and
// 6.5).
//
// Workers only stamp times into Activity (peer_link.h); here they are looked at. A peer that answers PROBE is
// asked after 2 s of silence and called anew after 4; of any other, 10 s without a keepalive are no more than
// suspicious, and it is called after 15.
#pragma once

#include "common/protocol/peer/peer_link.h"

namespace tunneld::protocol {

class SilenceWatch {
 public:
  explicit SilenceWatch(Activity& activity) : activity_(activity) {}

  /// Something has been stamped that may need an answer. `can_ask`: the peer answers PROBE.
  void watch(bool can_ask, Instant now);
  [[nodiscard]] bool is_watching() const { return look_at_ != kNever; }

  struct Step {
    bool keepalive = false;
    /// Worth telling, once per silence: the peer's address may have changed.
    bool silent = false;
    bool probe = false;
    bool handshake = false;
  };
  /// What is to be done now. Afterwards, settle().
  [[nodiscard]] Step look(bool can_ask, Instant now);
  /// When the next look is due, after what has been sent.
  void settle(bool can_ask, Instant now);
  [[nodiscard]] Instant deadline() const { return look_at_; }

 private:
  [[nodiscard]] Instant next_look(bool can_ask, Instant now) const;

  Activity& activity_;
  /// When the silence began that was told, and that was asked about, as in Activity.
  Instant::rep told_ = 0;
  Instant::rep asked_ = 0;
  Instant look_at_ = kNever;
};

}  // namespace tunneld::protocol
