// One peer's lanes (lanes.h): offered in HELLO, opened one by one when a worker has much to send
// (lane_opening.h), closed when the path to the peer changes.
#pragma once

#include <algorithm>

#include "common/protocol/actions.h"
#include "common/protocol/control_frame.h"
#include "common/protocol/peer/lane_opening.h"
#include "common/protocol/peer/peer_sender.h"
#include "common/protocol/services.h"

namespace tunneld::protocol {

class PeerLanes {
 public:
  /// All outlive this.
  PeerLanes(PeerLink& link, Services& services, PeerSender& sender)
      : link_(link), services_(services), sender_(sender) {}

  /// The peer's HELLO says how many lanes it has.
  void offer(Keypair& keypair, unsigned theirs);
  /// A worker has much to send under the keypair `index`, and its lane is not open.
  void want(std::uint32_t index, unsigned lane, Now now, Actions& actions);
  /// LANE or LANE_ACK, under `keypair`.
  void accept(Keypair& keypair, const ControlFrame& frame, Now now, Actions& actions);
  /// The path to the peer has changed: what was found out about lanes no longer holds.
  void close();
  /// There is another session, or none.
  void forget();

  [[nodiscard]] Instant deadline() const { return std::min(opening_.deadline(), beat_at_); }
  void advance(Now now, Actions& actions);

 private:
  void ask(Now now, Actions& actions);
  /// Sends on lane 0 now and then, because only lane 0 shows the peer our address.
  void beat_on_lane_0(Now now, Actions& actions);

  PeerLink& link_;
  Services& services_;
  PeerSender& sender_;
  LaneOpening opening_;
  Instant beat_at_ = kNever;
};

}  // namespace tunneld::protocol
