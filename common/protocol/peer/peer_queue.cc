#include "common/protocol/peer/peer_queue.h"

#include "common/protocol/constants.h"

namespace tunneld::protocol {

void PeerQueue::push(ByteView packet, Now now, Actions& actions) {
  Keypair* keypair = link_.live_keypair(now.boot);
  if (keypair != nullptr && may_leave()) {
    sender_.seal(*keypair, packet, now, actions);  // the session came while the packet was in the door
    return;
  }
  if (keypair != nullptr && link_.layer2.load() == Layer2::kRefused)
    return sender_.count_drop(Drop::kWrongLayer, 1);
  sender_.count_drop(Drop::kQueueFull, packets_.push(packet));
  if (!packets_.empty()) {
    if (give_up_at_ == kNever) give_up_at_ = now.boot + kRekeyAttemptTime;
    link_.next.store(nullptr);
  }
  if (keypair == nullptr) caller_.begin(now, actions);
}

void PeerQueue::send(Keypair& keypair, Now now, Actions& actions) {
  for (const auto& packet : packets_) sender_.seal(keypair, packet, now, actions);
  packets_.clear();
  give_up_at_ = kNever;
}

void PeerQueue::give_up(Drop reason) {
  sender_.count_drop(reason, packets_.clear());
  give_up_at_ = kNever;
}

void PeerQueue::advance(Now now) {
  if (now.boot < give_up_at_) return;
  // A handshake that is under way has a time limit of its own; the packets are then dropped with it.
  if (caller_.is_calling()) {
    give_up_at_ = now.boot + kRekeyTimeout;
  } else {
    give_up(Drop::kUnanswered);
  }
}

}  // namespace tunneld::protocol
