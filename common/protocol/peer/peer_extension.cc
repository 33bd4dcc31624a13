// The peer's side of tunneld's extension of WireGuard (docs/extension.md): control frames in both directions.
// What concerns the session, its lanes and its path is handled here; all other frames are passed on.
#include "common/json.h"
#include "common/protocol/peer/peer.h"

namespace tunneld::protocol {

void Peer::control_frame(std::uint32_t index, ByteView plain, Now now, Actions& actions) {
  Keypair* keypair = keypairs_.find(index);
  if (keypair == nullptr || !services_.extension.enabled || !frame_budget_.take(now.boot)) return;
  auto frame = decode_control_frame(plain);
  if (!frame) return;
  const auto id = frame->body.find("id");
  const bool has_id = id != nullptr && id->is_number_unsigned();
  if (frame->type == FrameType::kHello) {
    if (const auto hello = Hello::from(*frame)) hello_.accept(*keypair, *hello, now, actions);
  } else if (frame->type == FrameType::kBye) {
    if (keypair != keypairs_.previous()) accept_bye(now, actions);
  } else if (frame->type == FrameType::kLane || frame->type == FrameType::kLaneAck) {
    lanes_.accept(*keypair, *frame, now, actions);
  } else if (frame->type == FrameType::kProbe) {
    if (has_id) (void)send_frame({FrameType::kProbeAck, {{"id", *id}}}, now, actions);
  } else if (frame->type == FrameType::kProbeAck) {
    if (!has_id) return;
    path_.acknowledged(id->get<std::uint64_t>(), now.boot);
    tell_path_mtu(actions);
  } else {
    actions.add_frame(link_->id, index, std::move(*frame));
  }
}

// --- Path

void Peer::advance_path(Now now, Actions& actions) {
  Keypair* keypair = link_->live_keypair(now.boot);
  const PeerPath::Step step = path_.advance(keypair != nullptr, hellos_.peer_answers_probes(), now.boot);
  for (const PathMtu::Probe& probe : step.probes) {
    auto bytes = probe.id != 0 ? encode({FrameType::kProbe, {{"id", probe.id}}}) : std::nullopt;
    if (!bytes || keypair == nullptr || link_->endpoint.get() == nullptr) continue;
    bytes->resize(std::max<std::size_t>(bytes->size(), probe.size));
    sender_.seal(*keypair, *bytes, now, actions, {.probe = probe.size});
  }
  if (step.ask_host) actions.add_event({link_->id, Event::AskRoute{}});
  tell_path_mtu(actions);
}

void Peer::tell_path_mtu(Actions& actions) {
  if (path_.take_news()) actions.add_event({link_->id, Event::PathMtu{}});
}

// --- BYE

void Peer::say_bye(Now now, Actions& actions) {
  if (Keypair* keypair = link_->live_keypair(now.boot)) keypair->rekey_requested.store(true);  // no successor
  if (remote()) (void)send_frame({FrameType::kBye, Json::object()}, now, actions);
  reset();
}

void Peer::accept_bye(Now now, Actions& actions) {
  reset();
  caller_.peer_left(now);
  if (wants_session(now.boot)) caller_.begin(now, actions);
  // No answer is expected from the peer any longer, so old traffic must not start a handshake.
  link_->activity.unanswered_send.store(0);
  link_->activity.unanswered_receive.store(0);
  actions.add_event({link_->id, Event::Bye{}});
}

}  // namespace tunneld::protocol
