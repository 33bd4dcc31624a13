// Whether a peer answers: when a keepalive, a question or a new handshake is due (whitepaper sections 6.2 and
// 6.5).
//
// Workers only stamp times into Activity (peer_link.h); this class looks at them. A peer that answers PROBE
// is probed after 2 s of silence, and a new handshake begins after 4 s. With any other peer, 10 s without a
// keepalive are only suspicious, and a new handshake begins after 15 s.
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
  /// The beginning of the silence that was last told, and of the one last probed; as in Activity.
  Instant::rep told_ = 0;
  Instant::rep asked_ = 0;
  Instant look_at_ = kNever;
};

}  // namespace tunneld::protocol
