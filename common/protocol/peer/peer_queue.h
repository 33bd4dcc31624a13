// What waits for a peer's session: when it is sent, and when it is given up (waiting_packets.h bounds it).
//
// A tap's frames wait for more than the session: until the peer's HELLO says that it has a tap, too.
#pragma once

#include "common/protocol/actions.h"
#include "common/protocol/peer/caller.h"
#include "common/protocol/peer/peer_sender.h"
#include "common/protocol/peer/waiting_packets.h"
#include "common/protocol/services.h"

namespace tunneld::protocol {

class PeerQueue {
 public:
  /// All outlive this.
  PeerQueue(PeerLink& link, Services& services, PeerSender& sender, Caller& caller)
      : link_(link),
        sender_(sender),
        caller_(caller),
        at_tap_(services.extension.capabilities.tap),
        packets_(services.waiting_bytes) {}

  /// An inner packet that found no session: kept (bounded, oldest dropped) while a handshake is made.
  void push(ByteView packet, Now now, Actions& actions);
  /// False: there may be a session, but the peer's HELLO has to come first.
  [[nodiscard]] bool may_leave() const { return !at_tap_ || link_.layer2.load() == Layer2::kReady; }
  void send(Keypair& keypair, Now now, Actions& actions);
  void give_up(Drop reason);

  [[nodiscard]] bool empty() const { return packets_.empty(); }
  [[nodiscard]] Instant deadline() const { return give_up_at_; }
  void advance(Now now);

 private:
  PeerLink& link_;
  PeerSender& sender_;
  Caller& caller_;
  const bool at_tap_;
  WaitingPackets packets_;
  /// For packets that wait without a handshake that would give up.
  Instant give_up_at_ = kNever;
};

}  // namespace tunneld::protocol
