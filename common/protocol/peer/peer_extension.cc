// The peer's side of tunneld's extension of WireGuard (docs/extension.md): HELLO on each new session, and
// control frames in both directions. HELLO and BYE concern sessions and are handled here; all other frames
// are passed on.
#include <algorithm>
#include <utility>

#include "common/json.h"
#include "common/protocol/constants.h"
#include "common/protocol/peer/peer.h"

namespace tunneld::protocol {
namespace {

/// A peer that repeats its HELLO as we do needs fewer answers in one session.
constexpr unsigned kMaxHelloAnswers = 8;

}  // namespace

// --- HELLO

void Peer::begin_hello(const Keypair& keypair, Now now, Actions& actions) {
  const bool asks = keypair.role == Role::kInitiator && services_.extension.enabled;
  hellos_.begin(keypair.local_index, asks, now.boot);
  if (!remote()) layer2_.await(now.boot);
  repeat_hello(now, actions);
}

void Peer::say_hello(bool is_answer, Keypair& keypair, Now now, Actions& actions) {
  const bool fast = services_.offers_fast_data;
  if (fast) keypair.enable_fast_receive(services_.engine);  // ready before we say so
  const Hello hello{.is_answer = is_answer,
                    .version = kExtensionVersion,
                    .instance = services_.extension.instance,
                    .opens_fast_data = fast,
                    .capabilities = services_.extension.capabilities};
  if (const auto bytes = encode(hello.to_frame())) seal(keypair, *bytes, now, actions);
}

void Peer::repeat_hello(Now now, Actions& actions) {
  if (!hellos_.take_due(now.boot)) return;
  Keypair* keypair = live_keypair(now.boot);
  if (keypair == nullptr) return;
  say_hello(false, *keypair, now, actions);
  hellos_.said(now.boot);
}

void Peer::accept_hello(Keypair& keypair, const Hello& hello, Now now, Actions& actions) {
  if (hello.is_answer) {
    if (&keypair == keypairs_.current()) hellos_.answered();
  } else if (keypair.hellos_answered < kMaxHelloAnswers) {
    ++keypair.hellos_answered;
    say_hello(true, keypair, now, actions);
  }
  offer_lanes(keypair, hello.capabilities.lanes);
  if (hello.opens_fast_data && services_.offers_fast_data) keypair.enable_fast_send(services_.engine);
  if (&keypair == keypairs_.previous()) return;  // late: the session after it knows better
  const HelloExchange::News news = hellos_.learn(hello, keypair.local_index);
  path_.review();
  if (silence_.is_watching()) watch(now);  // it may have answers sooner than was thought
  // Waiting frames must stay in order: they are sent before decide_layer2() lets the workers send.
  Keypair* current = live_keypair(now.boot);
  if (layer2_.at_tap() && hello.capabilities.tap && current != nullptr) send_waiting(*current, now, actions);
  decide_layer2(actions);
  if (news.session) actions.add_event({id_, Event::Hello{.restarted = news.life}});
}

void Peer::forget_remote(Actions& actions) {
  if (!hellos_.forget()) return;
  path_.review();
  actions.add_event({id_, Event::HelloLost{}});
  decide_layer2(actions);
}

void Peer::decide_layer2(Actions& actions) {
  const bool is_new = layer2_.decide(remote() && remote()->capabilities.tap);
  if (!layer2_.is_refused()) return;
  if (layer2_.at_tap()) give_up_waiting(Drop::kWrongLayer);
  if (is_new) actions.add_event({id_, Event::Layer2Refused{}});
}

// --- Frames

void Peer::control_frame(std::uint32_t index, ByteView plain, Now now, Actions& actions) {
  Keypair* keypair = keypairs_.find(index);
  if (keypair == nullptr || !services_.extension.enabled || !frame_budget_.take(now.boot)) return;
  auto frame = decode_control_frame(plain);
  if (!frame) return;
  if (frame->type == FrameType::kHello) {
    if (const auto hello = Hello::from(*frame)) accept_hello(*keypair, *hello, now, actions);
  } else if (frame->type == FrameType::kBye) {
    if (keypair != keypairs_.previous()) accept_bye(now, actions);
  } else if (frame->type == FrameType::kLane || frame->type == FrameType::kLaneAck) {
    accept_lane_frame(*keypair, *frame, now, actions);
  } else if (frame->type == FrameType::kProbe) {
    answer_probe(*frame, now, actions);
  } else if (frame->type == FrameType::kProbeAck) {
    const auto id = frame->body.find("id");
    if (id != nullptr && id->is_number_unsigned()) {
      path_.acknowledged(id->get<std::uint64_t>(), now.boot);
      tell_path_mtu(actions);
    }
  } else {
    actions.add_frame(id_, index, std::move(*frame));
  }
}

bool Peer::send_frame(const ControlFrame& frame, Now now, Actions& actions, std::size_t plain_size) {
  Keypair* keypair = live_keypair(now.boot);
  if (keypair == nullptr || !services_.extension.enabled) return false;
  auto bytes = encode(frame);
  if (!bytes) return false;
  bytes->resize(std::max(bytes->size(), plain_size));
  seal(*keypair, *bytes, now, actions);
  return true;
}

// --- Path

void Peer::answer_probe(const ControlFrame& probe, Now now, Actions& actions) {
  const auto id = probe.body.find("id");
  if (id == nullptr || !id->is_number_unsigned()) return;
  (void)send_frame({FrameType::kProbeAck, {{"id", *id}}}, now, actions);
}

void Peer::advance_path(Now now, Actions& actions) {
  Keypair* keypair = live_keypair(now.boot);
  const PeerPath::Step step = path_.advance(keypair != nullptr, answers_when_asked(), now.boot);
  for (const PathMtu::Probe& probe : step.probes) {
    auto bytes = probe.id != 0 ? encode({FrameType::kProbe, {{"id", probe.id}}}) : std::nullopt;
    if (!bytes || keypair == nullptr || link_->endpoint.get() == nullptr) continue;
    bytes->resize(std::max<std::size_t>(bytes->size(), probe.size));
    seal(*keypair, *bytes, now, actions, {.probe = probe.size});
  }
  if (step.ask_host) actions.add_event({id_, Event::AskRoute{}});
  tell_path_mtu(actions);
}

void Peer::tell_path_mtu(Actions& actions) {
  if (path_.take_news()) actions.add_event({id_, Event::PathMtu{}});
}

// --- BYE

void Peer::say_bye(Now now, Actions& actions) {
  if (Keypair* keypair = live_keypair(now.boot)) keypair->rekey_requested.store(true);  // no successor
  if (remote()) (void)send_frame({FrameType::kBye, Json::object()}, now, actions);
  reset();
}

void Peer::accept_bye(Now now, Actions& actions) {
  reset();
  caller_.peer_left(now);
  if (wants_session(now.boot)) begin_handshake(now, actions);
  // No answer is expected from the peer any longer, so old traffic must not start a handshake.
  link_->activity.unanswered_send.store(0);
  link_->activity.unanswered_receive.store(0);
  actions.add_event({id_, Event::Bye{}});
}

}  // namespace tunneld::protocol
