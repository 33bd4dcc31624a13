#include "common/protocol/peer.h"

#include <algorithm>

#include "common/protocol/constants.h"
#include "common/protocol/data_message.h"
#include "common/protocol/ethernet_message.h"
#include "common/protocol/sealing.h"

namespace tunneld::protocol {
namespace {

Instant at(const std::atomic<Instant::rep>& stamp) {
  return Instant(Duration(stamp.load()));
}
bool is_set(const std::atomic<Instant::rep>& stamp) {
  return stamp.load() != 0;
}

}  // namespace

Peer::Peer(PeerId id, PeerOptions options, std::size_t threads, Services& services, Now now)
    : id_(id),
      options_(std::move(options)),
      services_(services),
      link_(std::make_unique<PeerLink>(id, threads)),
      static_static_(services.identity.private_key.agree(options_.public_key)),
      cookies_(options_.public_key),
      keypairs_(services),
      waiting_(services.waiting_bytes),
      path_(*link_, services.path_policy) {
  link_->endpoint.allow_move(services_.quiescence);
  link_->awaits_endpoint.store(options_.awaits_endpoint);
  if (options_.endpoint) set_endpoint(*options_.endpoint);
  if (options_.persistent_keepalive > Duration::zero()) persistent_at_ = now.boot;
}

Peer::~Peer() {
  services_.timestamps.forget(last_timestamp_);
  drop_pending();
}

// --- Handshake as initiator

void Peer::begin_handshake(Now now, Actions& actions) {
  if (retransmit_at_ != kNever) return;  // under way; its own timer repeats it
  attempts_ = 0;
  cookie_used_ = false;
  if (const Instant earliest = earliest_call(); earliest > now.boot) {
    retransmit_at_ = earliest;
    return;
  }
  send_initiation(now, actions, Reach::kEndpoint);
}

void Peer::send_initiation(Now now, Actions& actions, Reach reach) {
  if (!static_static_) return;
  const net::Endpoint* endpoint = link_->endpoint.get();
  if (endpoint == nullptr) {
    actions.add_event({.kind = Event::Kind::kNoEndpoint, .peer = id_});
    return;
  }
  drop_pending();
  pending_index_ = services_.reserve_index(id_);
  last_timestamp_ = services_.timestamps.next(now.wall, last_timestamp_);
  auto started = InitiatorHandshake::start(services_.identity, options_.public_key, *static_static_,
                                           pending_index_, Tai64n::from(last_timestamp_), services_.random);
  if (!started) {
    services_.release_index(pending_index_);
    return;
  }
  pending_ = std::move(started->handshake);
  cookies_.add_macs(started->message, now.boot);
  address_initiation(as_bytes(started->message), *endpoint, reach, now, actions);

  if (attempts_++ == 0) calling_since_ = now.boot;
  last_initiation_sent_ = now.boot;
  retransmit_at_ = now.boot + patience(now);
  link_->activity.stamp_sent(now.boot, false);
}

void Peer::retry_or_give_up(Now now, Actions& actions) {
  retransmit_at_ = kNever;
  if (attempts_ >= kMaxHandshakeAttempts && now.boot - calling_since_ >= kRekeyAttemptTime) {
    drop_pending();
    attempts_ = 0;
    give_up_waiting(Drop::kUnanswered);
    actions.add_event({.kind = Event::Kind::kHandshakeGaveUp, .peer = id_});
    return;
  }
  forget_local_address();  // it may be what is wrong
  const bool is_first = attempts_ == 0;
  send_initiation(now, actions, is_first ? Reach::kEndpoint : Reach::kEverywhere);
  if (!is_first) actions.add_event({.kind = Event::Kind::kHandshakeRetry, .peer = id_, .attempt = attempts_});
}

bool Peer::accept_response(const ResponseMessage& message, const net::Endpoint& from, Now now,
                           Actions& actions) {
  catch_up(now, actions);
  if (!pending_ || message.receiver() != pending_index_) return false;
  auto keys = pending_->finish(services_.identity, options_.preshared_key, message);
  if (!keys) return false;

  auto keypair = std::make_unique<Keypair>(*link_, Role::kInitiator, pending_index_, message.sender(),
                                           now.boot, std::move(*keys), services_.engine);
  pending_.reset();  // its index lives on in the keypair
  pending_index_ = 0;
  link_->activity.stamp_received(now.boot, false);
  update_endpoint(from, actions);
  Keypair& current = keypairs_.install_initiator(std::move(keypair));
  session_up(current, now, actions);
  return true;
}

bool Peer::accept_cookie(const CookieMessage& message, Now now) {
  // For our initiation, or for our response: an initiator under load answers either with a cookie.
  const bool is_ours =
      (pending_ && message.receiver() == pending_index_) || keypairs_.find(message.receiver()) != nullptr;
  if (!is_ours || cookies_.consume_reply(message, now.boot) != crypto::Verdict::kAuthentic) return false;
  if (pending_ && message.receiver() == pending_index_) call_with_cookie(now);
  return true;
}

void Peer::drop_pending() {
  if (!pending_) return;
  services_.release_index(pending_index_);
  pending_.reset();
  pending_index_ = 0;
}

// --- Handshake as responder

bool Peer::accept_initiation(InitiationFromPeer initiation, const net::Endpoint& from, Now now,
                             Actions& actions) {
  if (greatest_timestamp_ && initiation.timestamp <= *greatest_timestamp_) return false;
  if (last_initiation_received_ && now.boot - *last_initiation_received_ < kInitiationInterval) return false;
  catch_up(now, actions);

  const std::uint32_t index = services_.reserve_index(id_);
  const std::uint32_t remote_index = initiation.sender_index;
  const Tai64n timestamp = initiation.timestamp;
  auto answer =
      std::move(initiation).respond(options_.public_key, options_.preshared_key, index, services_.random);
  if (!answer) {
    services_.release_index(index);
    return false;
  }
  greatest_timestamp_ = timestamp;
  last_initiation_received_ = now.boot;
  link_->activity.stamp_received(now.boot, false);
  update_endpoint(from, actions);
  keypairs_.install_responder(std::make_unique<Keypair>(*link_, Role::kResponder, index, remote_index,
                                                        now.boot, std::move(answer->keys), services_.engine));
  // What waits goes out first, to keep its place in the order; workers take over after that.
  if (waiting_.empty()) link_->next.store(keypairs_.next());
  forget_session_at_ = now.boot + kForgetSessionAfter;

  cookies_.add_macs(answer->message, now.boot);
  const MutableBytes datagram = actions.add_datagram(from, sizeof answer->message, true);
  std::memcpy(datagram.data(), &answer->message, sizeof answer->message);
  link_->activity.stamp_sent(now.boot, false);
  return true;
}

void Peer::confirmed(std::uint32_t index, Now now, Actions& actions) {
  Keypair* keypair = keypairs_.confirm(index);
  if (keypair == nullptr) return;
  drop_pending();
  session_up(*keypair, now, actions);
}

// --- Session

void Peer::session_up(Keypair& keypair, Now now, Actions& actions) {
  retransmit_at_ = kNever;
  attempts_ = 0;
  may_hurry_ = true;
  hurry_until_ = Instant{};
  forget_session_at_ = now.boot + kForgetSessionAfter;
  latest_handshake_ = now.boot;
  actions.add_event(
      {.kind = Event::Kind::kSessionUp, .peer = id_, .initiator = keypair.role == Role::kInitiator});
  // Waiting packets go out before workers can use the keypair, so that they keep their place in the order.
  const bool may_flush = !at_tap() || link_->layer2.load() == Layer2::kReady;
  const bool confirm_by_keepalive = (waiting_.empty() || !may_flush) && keypair.role == Role::kInitiator;
  if (may_flush) send_waiting(keypair, now, actions);
  if (confirm_by_keepalive) seal(keypair, {}, now, actions);
  lane_opening_.forget();
  lane_beat_at_ = kNever;
  link_->sending.store(&keypair);
  link_->next.store(nullptr);
  path_.review();
  begin_hello(keypair, now, actions);
}

void Peer::send_waiting(Keypair& keypair, Now now, Actions& actions) {
  for (const auto& packet : waiting_) seal(keypair, packet, now, actions);
  waiting_.clear();
  waiting_until_ = kNever;
}

void Peer::give_up_waiting(Drop reason) {
  count_drop(reason, waiting_.clear());
  waiting_until_ = kNever;
}

void Peer::queue_packet(ByteView packet, Now now, Actions& actions) {
  Keypair* keypair = live_keypair(now.boot);
  const Layer2 layer2 = link_->layer2.load();
  if (keypair != nullptr && (!at_tap() || layer2 == Layer2::kReady)) {
    seal(*keypair, packet, now, actions);  // the session came while the packet was in the door
    return;
  }
  if (keypair != nullptr && layer2 == Layer2::kRefused) return count_drop(Drop::kWrongLayer, 1);
  count_drop(Drop::kQueueFull, waiting_.push(packet));
  if (!waiting_.empty()) {
    if (waiting_until_ == kNever) waiting_until_ = now.boot + kRekeyAttemptTime;
    link_->next.store(nullptr);
  }
  if (keypair == nullptr) begin_handshake(now, actions);
}

void Peer::seal(Keypair& keypair, ByteView plain, Now now, Actions& actions, Leaving leaving) {
  const net::Endpoint* endpoint = link_->endpoint.get();
  if (endpoint == nullptr) return count_drop(Drop::kNoEndpoint, 1);
  const std::size_t padded =
      leaving.probe ? plain.size()
                    : padded_size(plain.size(), std::min(services_.mtu.load(std::memory_order_relaxed),
                                                         link_->path_mtu.load(std::memory_order_relaxed)));
  const MutableBytes datagram = actions.add_datagram(*endpoint, padded + kDataOverhead, false, leaving.lane);
  std::uint8_t* inner = datagram.data() + sizeof(DataHeader);
  if (!plain.empty()) std::memcpy(inner, plain.data(), plain.size());
  std::memset(inner + plain.size(), 0, padded - plain.size());
  crypto::AeadJob job{};
  // A control frame asks for no answer.
  const bool is_data = !plain.empty() && (plain[0] >> 4 != 0 || is_ethernet(plain));
  const SealOutcome outcome = protocol::seal(
      {.keypair = keypair, .datagrams = datagram, .datagram_size = datagram.size(), .is_data = is_data},
      now.boot, std::span(&job, 1));
  if (outcome.is_sealed) {
    TrafficCounters& traffic = link_->traffic[services_.control_thread];
    traffic.sent_packets.add(1);
    traffic.sent_bytes.add(datagram.size());
    if (leaving.probe && *leaving.probe > 0) actions.mark_probe(id_, *leaving.probe);
  } else {
    actions.take_back_datagram();
    count_drop(Drop::kExpiredKey, 1);
  }
  if (outcome.wants_watch) watch(now);
  if (outcome.wants_successor) begin_handshake(now, actions);
}

// --- Sending on the control thread

void Peer::send_keepalive(Now now, Actions& actions) {
  if (Keypair* keypair = live_keypair(now.boot)) {
    seal(*keypair, {}, now, actions);
  } else {
    begin_handshake(now, actions);
  }
}

Keypair* Peer::live_keypair(Instant now) const {
  Keypair* keypair = link_->sending.load();
  if (keypair == nullptr || keypair->expired(now) || keypair->counters_used() >= kRejectAfterMessages)
    return nullptr;
  return keypair;
}

// --- Configuration

void Peer::set_preshared_key(std::optional<crypto::PresharedKey> key) {
  options_.preshared_key = std::move(key);
}

void Peer::set_persistent_keepalive(Duration interval, Now now, Actions& actions) {
  const bool turned_on = options_.persistent_keepalive == Duration::zero() && interval > Duration::zero();
  options_.persistent_keepalive = interval;
  persistent_at_ = interval > Duration::zero() ? now.boot + interval : kNever;
  if (turned_on) send_keepalive(now, actions);
}

void Peer::reset() {
  drop_pending();
  keypairs_.clear();
  give_up_waiting(Drop::kUnanswered);
  attempts_ = 0;
  retransmit_at_ = hello_at_ = forget_session_at_ = remote_expires_at_ = layer2_at_ = kNever;
  link_->layer2.store(Layer2::kUnknown);
  remote_.reset();
  hello_index_ = 0;
  lane_opening_.forget();
  lane_beat_at_ = kNever;
  path_.review();
}

// --- Timers

Instant Peer::deadline() const {
  return std::min({retransmit_at_, waiting_until_, look_at_, hello_at_, persistent_at_, forget_session_at_,
                   remote_expires_at_, layer2_at_, lane_opening_.deadline(), lane_beat_at_, path_.deadline(),
                   keypairs_.next_expiry()});
}

void Peer::advance(Now now, Actions& actions) {
  catch_up(now, actions);
  if (now.boot >= retransmit_at_) retry_or_give_up(now, actions);
  if (now.boot >= waiting_until_) {
    // A handshake that is under way gives up in its own time, and what waits for it with it.
    if (retransmit_at_ == kNever) {
      give_up_waiting(Drop::kUnanswered);
    } else {
      waiting_until_ = now.boot + kRekeyTimeout;
    }
  }
  if (now.boot >= look_at_) look_at_activity(now, actions);
  repeat_hello(now, actions);
  ask_for_lanes(now, actions);
  beat_on_lane_0(now, actions);
  if (now.boot >= persistent_at_) {
    const auto& last = link_->activity.last_traversal;
    const Instant due = is_set(last) ? at(last) + options_.persistent_keepalive : now.boot;
    if (now.boot >= due) send_keepalive(now, actions);
    // Without a session nothing was stamped; come back after a whole interval.
    persistent_at_ = now.boot >= due ? now.boot + options_.persistent_keepalive : due;
  }
  if (now.boot >= remote_expires_at_) forget_remote(actions);
  if (now.boot >= layer2_at_) decide_layer2(actions);
  if (now.boot >= forget_session_at_) {
    // A handshake that has begun meanwhile (after a long sleep, say) and what waits for it go on.
    forget_session_at_ = kNever;
    forget_remote(actions);
    layer2_at_ = kNever;
    link_->layer2.store(Layer2::kUnknown);
    actions.add_event({.kind = Event::Kind::kSessionExpired, .peer = id_});
  }
  advance_path(now, actions);
}

bool Peer::answers_when_asked() const {
  return services_.extension.enabled && remote_ && remote_->capabilities.probe;
}

void Peer::watch(Now now) {
  const Duration soonest =
      answers_when_asked() ? kProbeSilenceAfter : std::min(kKeepaliveTimeout, kNewHandshakeAfter);
  look_at_ = std::min(look_at_, now.boot + soonest);
  path_.watch(now.boot);
}

void Peer::look_at_activity(Now now, Actions& actions) {
  Activity& activity = link_->activity;
  const bool soon = answers_when_asked();
  const Duration handshake_after = soon ? kQuickHandshakeAfter : kNewHandshakeAfter;
  look_at_ = kNever;
  if (is_set(activity.unanswered_receive) &&
      now.boot >= at(activity.unanswered_receive) + kKeepaliveTimeout) {
    activity.unanswered_receive.store(0);
    if (Keypair* keypair = live_keypair(now.boot)) seal(*keypair, {}, now, actions);
  }
  const Instant::rep waiting_since = activity.unanswered_send.load();
  const Duration waited = now.boot - Instant(Duration(waiting_since));
  const auto once = [waiting_since](Instant::rep& done_for) {
    return std::exchange(done_for, waiting_since) != waiting_since;
  };
  const bool is_waiting = waiting_since != 0;
  if (is_waiting && waited >= handshake_after) {
    activity.unanswered_send.store(0);
    if (once(silence_told_)) actions.add_event({.kind = Event::Kind::kSilent, .peer = id_});
    begin_handshake(now, actions);
  } else if (is_waiting && soon && waited >= kProbeSilenceAfter && once(silence_probed_)) {
    // Traffic in one direction is silent as well: only a question tells.
    const std::uint64_t id = (std::uint64_t{1} << 32) + services_.random_below(UINT32_MAX);
    (void)send_frame({FrameType::kProbe, {{"id", id}}}, now, actions);
  } else if (is_waiting && !soon && waited >= kSilentAfter && once(silence_told_)) {
    // An answer, or a keepalive in its place, is overdue: time to ask the resolver before the handshake
    // begins.
    actions.add_event({.kind = Event::Kind::kSilent, .peer = id_});
  }
  const auto due = [this, &activity, soon, handshake_after, &now] {
    Instant next = kNever;
    if (is_set(activity.unanswered_receive)) next = at(activity.unanswered_receive) + kKeepaliveTimeout;
    if (is_set(activity.unanswered_send)) {
      const bool asked = (soon ? silence_probed_ : silence_told_) == activity.unanswered_send.load();
      const Duration before = soon ? kProbeSilenceAfter : kSilentAfter;
      next = std::min(next, at(activity.unanswered_send) + (asked ? handshake_after : before));
    }
    // A worker that arms another timer meanwhile does not ring while we watch.
    if (soon && next != kNever) next = std::min(next, now.boot + kProbeSilenceAfter);
    return next;
  };
  look_at_ = due();
  if (look_at_ != kNever) return;
  activity.watched.store(false);
  // A worker may have armed a timer between the look and the store, seen `watched`, and not rung.
  const Instant late = due();
  if (late != kNever && !activity.watched.exchange(true)) look_at_ = late;
}

// --- Status

void Peer::count_drop(Drop reason, std::uint64_t n) {
  services_.drops.count(reason, n);
  link_->traffic[services_.control_thread].drops.add(n);
}

PeerStatus Peer::status(Instant now) const {
  PeerStatus status;
  if (const net::Endpoint* endpoint = link_->endpoint.get()) status.endpoint = *endpoint;
  status.latest_handshake = latest_handshake_;
  const Keypair* keypair = live_keypair(now);
  status.session_live = keypair != nullptr;
  status.remote = remote_;
  if (keypair != nullptr) status.lanes = keypair->send_lanes.open_count();
  if (path_.known()) {
    status.path = {.mtu = path_.mtu().limit(),
                   .overhead = path_.overhead(),
                   .phase = path_.mtu().phase(),
                   .source = path_.mtu().source(),
                   .round_trip_time = path_.mtu().round_trip_time()};
  }
  status.fast_cipher = keypair != nullptr && keypair->fast_send() != nullptr;
  status.handshake_pending = retransmit_at_ != kNever;
  status.handshake_attempts = attempts_;
  status.wants_session =
      keypair == nullptr && (!waiting_.empty() || options_.persistent_keepalive > Duration::zero());
  for (const TrafficCounters& traffic : link_->traffic) {
    status.sent_bytes += traffic.sent_bytes.get();
    status.received_bytes += traffic.received_bytes.get();
    status.sent_packets += traffic.sent_packets.get();
    status.received_packets += traffic.received_packets.get();
    status.dropped_packets += traffic.drops.get();
  }
  return status;
}

}  // namespace tunneld::protocol
