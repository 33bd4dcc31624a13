#include "common/protocol/peer/peer_hello.h"

namespace tunneld::protocol {
namespace {

/// A peer that repeats its HELLO as we do needs fewer answers in one session.
constexpr unsigned kMaxHelloAnswers = 8;

}  // namespace

// --- Saying

void PeerHello::session_up(const Keypair& keypair, Now now, Actions& actions) {
  const bool asks = keypair.role == Role::kInitiator && services_.extension.enabled;
  parts_.exchange.begin(keypair.local_index, asks, now.boot);
  if (!parts_.exchange.remote()) layer2_.await(now.boot);
  say_if_due(now, actions);
}

void PeerHello::say(bool is_answer, Keypair& keypair, Now now, Actions& actions) {
  const bool fast = services_.offers_fast_data;
  if (fast) keypair.enable_fast_receive(services_.engine);  // ready before we say so
  const Hello hello{.is_answer = is_answer,
                    .version = kExtensionVersion,
                    .instance = services_.extension.instance,
                    .opens_fast_data = fast,
                    .capabilities = services_.extension.capabilities};
  if (const auto bytes = encode(hello.to_frame())) parts_.sender.seal(keypair, *bytes, now, actions);
}

void PeerHello::say_if_due(Now now, Actions& actions) {
  if (!parts_.exchange.take_due(now.boot)) return;
  Keypair* keypair = link_.live_keypair(now.boot);
  if (keypair == nullptr) return;
  say(false, *keypair, now, actions);
  parts_.exchange.said(now.boot);
}

// --- What the peer says

void PeerHello::accept(Keypair& keypair, const Hello& hello, Now now, Actions& actions) {
  if (hello.is_answer) {
    if (&keypair == parts_.keypairs.current()) parts_.exchange.answered();
  } else if (keypair.hellos_answered < kMaxHelloAnswers) {
    ++keypair.hellos_answered;
    say(true, keypair, now, actions);
  }
  parts_.lanes.offer(keypair, hello.capabilities.lanes);
  if (hello.opens_fast_data && services_.offers_fast_data) keypair.enable_fast_send(services_.engine);
  if (&keypair == parts_.keypairs.previous()) return;  // late: the session after it knows better
  const HelloExchange::News news = parts_.exchange.learn(hello, keypair.local_index);
  parts_.path.review();
  if (parts_.silence.is_watching()) parts_.sender.watch(now);  // it may have answers sooner than was thought
  // Waiting frames must stay in order: they are sent before decide_layer2() lets the workers send.
  Keypair* current = link_.live_keypair(now.boot);
  if (layer2_.at_tap() && hello.capabilities.tap && current != nullptr)
    parts_.queue.send(*current, now, actions);
  decide_layer2(actions);
  if (news.session) actions.add_event({link_.id, Event::Hello{.restarted = news.life}});
}

void PeerHello::forget_remote(Actions& actions) {
  if (!parts_.exchange.forget()) return;
  parts_.path.review();
  actions.add_event({link_.id, Event::HelloLost{}});
  decide_layer2(actions);
}

void PeerHello::decide_layer2(Actions& actions) {
  const auto& remote = parts_.exchange.remote();
  const bool is_new = layer2_.decide(remote && remote->capabilities.tap);
  if (!layer2_.is_refused()) return;
  if (layer2_.at_tap()) parts_.queue.give_up(Drop::kWrongLayer);
  if (is_new) actions.add_event({link_.id, Event::Layer2Refused{}});
}

// --- Time

void PeerHello::advance(Now now, Actions& actions) {
  say_if_due(now, actions);
  if (parts_.exchange.expired(now.boot)) forget_remote(actions);
  if (now.boot >= layer2_.deadline()) decide_layer2(actions);
}

void PeerHello::session_expired(Actions& actions) {
  forget_remote(actions);
  layer2_.forget();
}

void PeerHello::reset() {
  parts_.exchange.reset();
  layer2_.forget();
}

}  // namespace tunneld::protocol
