#include "common/protocol/peer/peer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/protocol/constants.h"

namespace tunneld::protocol {
Peer::Peer(PeerId id, PeerOptions options, std::size_t threads, Services& services, Now now)
    : options_(std::move(options)),
      services_(services),
      link_(std::make_unique<PeerLink>(id, threads)),
      static_static_(services.identity.private_key.agree(options_.public_key)),
      cookies_(options_.public_key),
      caller_(*link_, options_.public_key, static_static_, cookies_, services),
      keypairs_(services),
      silence_(link_->activity),
      path_(*link_, services.path_policy),
      sender_(*link_, services, caller_, silence_, path_, hellos_),
      lanes_(*link_, services, sender_),
      queue_(*link_, services, sender_, caller_),
      place_(*link_, path_, lanes_, services.quiescence),
      hello_(*link_, services,
             {.exchange = hellos_,
              .keypairs = keypairs_,
              .silence = silence_,
              .path = path_,
              .sender = sender_,
              .lanes = lanes_,
              .queue = queue_}) {
  link_->awaits_endpoint.store(options_.awaits_endpoint);
  if (options_.endpoint) place_.set(*options_.endpoint);
  if (options_.persistent_keepalive > Duration::zero()) persistent_at_ = now.boot;
}

// --- Handshake as initiator

void Peer::advance_calling(Now now, Actions& actions) {
  if (now.boot < caller_.deadline()) return;
  if (caller_.give_up(now)) {
    queue_.give_up(Drop::kUnanswered);
    actions.add_event({link_->id, Event::HandshakeGaveUp{}});
    return;
  }
  place_.forget_local_address();  // it may be what is wrong
  caller_.repeat(now, actions);
}

bool Peer::accept_response(const ResponseMessage& message, const net::Endpoint& from, Now now,
                           Actions& actions) {
  catch_up(now, actions);
  auto keypair = caller_.finish(message, options_.preshared_key, now);
  if (!keypair) return false;
  link_->activity.stamp_received(now.boot, false);
  place_.heard_at(from, actions);
  Keypair& current = keypairs_.install_initiator(std::move(keypair));
  session_up(current, now, actions);
  return true;
}

bool Peer::accept_cookie(const CookieMessage& message, Now now) {
  // For our initiation, or for our response: an initiator under load answers either with a cookie.
  const bool is_for_initiation = caller_.awaits(message.receiver());
  const bool is_ours = is_for_initiation || keypairs_.find(message.receiver()) != nullptr;
  if (!is_ours || cookies_.consume_reply(message, now.boot) != crypto::Verdict::kAuthentic) return false;
  if (is_for_initiation) caller_.answered_with_cookie(now);
  return true;
}

// --- Handshake as responder

bool Peer::accept_initiation(OpenedInitiation opened, const net::Endpoint& from, Now now, Actions& actions) {
  if (!static_static_) return false;
  auto initiation = std::move(opened).authenticate(*static_static_);
  if (!initiation || !initiations_.admits(initiation->timestamp, now.boot)) return false;
  catch_up(now, actions);

  const std::uint32_t index = services_.reserve_index(link_->id);
  const std::uint32_t remote_index = initiation->sender_index;
  const Tai64n timestamp = initiation->timestamp;
  auto answer =
      std::move(*initiation).respond(options_.public_key, options_.preshared_key, index, services_.random);
  if (!answer) {
    services_.release_index(index);
    return false;
  }
  initiations_.taken(timestamp, now.boot);
  link_->activity.stamp_received(now.boot, false);
  place_.heard_at(from, actions);
  keypairs_.install_responder(std::make_unique<Keypair>(*link_, Role::kResponder, index, remote_index,
                                                        now.boot, std::move(answer->keys), services_.engine));
  // Waiting packets are sent first, so that they keep their place in the order; then workers take over.
  if (queue_.empty()) link_->next.store(keypairs_.next());
  forget_session_at_ = now.boot + kForgetSessionAfter;

  cookies_.add_macs(answer->message, now.boot);
  const MutableBytes datagram = actions.add_datagram(from, sizeof answer->message, true);
  std::memcpy(datagram.data(), &answer->message, sizeof answer->message);
  link_->activity.stamp_sent(now.boot, false);
  return true;
}

// --- Notices of the data workers

// The host may have slept, or this thread been busy: a key that is too old must not be used by what follows,
// and a change that a worker has made already must not meet the old state of the peer.
void Peer::catch_up(Now now, Actions& actions) {
  keypairs_.retire_expired(now.boot);
  const Keypair* next = keypairs_.next();
  if (next != nullptr && next->confirmed.load())
    session_up(*keypairs_.confirm(next->local_index), now, actions);
  place_.catch_up(actions);
}

void Peer::handle(const DoorRecord& record, ByteView payload, Now now, Actions& actions) {
  catch_up(now, actions);
  switch (record.notice) {
    case Notice::kWaitingPacket:
      return queue_.push(payload, now, actions);
    case Notice::kControlFrame:
      return control_frame(record.index, payload, now, actions);
    case Notice::kConfirmed:
    case Notice::kMoved:
      return;  // done by catch_up()
    case Notice::kMoving:
      return place_.moving(record.endpoint, keypairs_.find(record.index), actions);
    case Notice::kSourceGone:
      return place_.forget_local_address();
    case Notice::kRekey:
      return caller_.begin(now, actions);
    case Notice::kLaneWanted:
      return lanes_.want(record.index, payload[0], now, actions);
    case Notice::kWatch:
      return sender_.watch(now);
    case Notice::kHandshakeMessage:
    case Notice::kRefused:
      return;  // not about a peer that is known: for the tunnel
  }
}

// --- Session

void Peer::session_up(Keypair& keypair, Now now, Actions& actions) {
  caller_.session_up();
  forget_session_at_ = now.boot + kForgetSessionAfter;
  latest_handshake_ = now.boot;
  actions.add_event({link_->id, Event::SessionUp{.initiator = keypair.role == Role::kInitiator}});
  // Waiting packets go out before workers can use the keypair, so that they keep their place in the order.
  const bool confirms_by_packet = queue_.may_leave() && !queue_.empty();
  if (queue_.may_leave()) queue_.send(keypair, now, actions);
  if (keypair.role == Role::kInitiator && !confirms_by_packet) sender_.seal(keypair, {}, now, actions);
  lanes_.forget();
  link_->sending.store(&keypair);
  link_->next.store(nullptr);
  path_.review();
  hello_.session_up(keypair, now, actions);
}

void Peer::reset() {
  caller_.reset();
  keypairs_.clear();
  queue_.give_up(Drop::kUnanswered);
  hello_.reset();
  lanes_.forget();
  forget_session_at_ = kNever;
  path_.review();
}

bool Peer::wants_session(Instant now) const {
  return link_->live_keypair(now) == nullptr &&
         (!queue_.empty() || options_.persistent_keepalive > Duration::zero());
}

// --- What the daemon decides

void Peer::try_endpoint(const net::Endpoint& endpoint, Now now, Actions& actions) {
  const net::Endpoint* known = link_->endpoint.get();
  const bool is_elsewhere = known == nullptr || known->remote != endpoint.remote;
  place_.set(endpoint);
  if (is_elsewhere && (caller_.is_calling() || wants_session(now.boot))) {
    caller_.call_elsewhere(now, actions);
  } else if (wants_session(now.boot)) {
    caller_.begin(now, actions);
  }
}

void Peer::network_changed(Now now, Actions& actions) {
  place_.forget_local_address();
  lanes_.close();
  if (caller_.is_calling()) {
    caller_.network_changed(now);
  } else if (Keypair* keypair = link_->live_keypair(now.boot)) {
    sender_.seal(*keypair, {}, now, actions);
  }
}

void Peer::set_persistent_keepalive(Duration interval, Now now, Actions& actions) {
  const bool turned_on = options_.persistent_keepalive == Duration::zero() && interval > Duration::zero();
  options_.persistent_keepalive = interval;
  persistent_at_ = interval > Duration::zero() ? now.boot + interval : kNever;
  if (turned_on) sender_.send_keepalive(now, actions);
}

// --- Timers

Instant Peer::deadline() const {
  return std::min({caller_.deadline(), keypairs_.next_expiry(), silence_.deadline(), path_.deadline(),
                   lanes_.deadline(), queue_.deadline(), hello_.deadline(), persistent_at_,
                   forget_session_at_});
}

void Peer::advance(Now now, Actions& actions) {
  catch_up(now, actions);
  advance_calling(now, actions);
  queue_.advance(now);
  advance_silence(now, actions);
  hello_.advance(now, actions);
  lanes_.advance(now, actions);
  advance_persistent(now, actions);
  if (now.boot >= forget_session_at_) {
    // A handshake that has begun meanwhile (after a long sleep, say) goes on, and packets still wait for it.
    forget_session_at_ = kNever;
    hello_.session_expired(actions);
    actions.add_event({link_->id, Event::SessionExpired{}});
  }
  advance_path(now, actions);
}

void Peer::advance_silence(Now now, Actions& actions) {
  if (now.boot < silence_.deadline()) return;
  const bool can_ask = hellos_.peer_answers_probes();
  const SilenceWatch::Step step = silence_.look(can_ask, now.boot);
  Keypair* keypair = step.keepalive ? link_->live_keypair(now.boot) : nullptr;
  if (keypair != nullptr) sender_.seal(*keypair, {}, now, actions);
  if (step.silent) actions.add_event({link_->id, Event::Silent{}});
  if (step.handshake) caller_.begin(now, actions);
  if (step.probe) {
    const std::uint64_t id = (std::uint64_t{1} << 32) + random_below(services_.random, UINT32_MAX);
    (void)send_frame({FrameType::kProbe, {{"id", id}}}, now, actions);
  }
  silence_.settle(can_ask, now.boot);
}

void Peer::advance_persistent(Now now, Actions& actions) {
  if (now.boot < persistent_at_) return;
  const Instant::rep last = link_->activity.last_traversal.load();
  const Instant due = last != 0 ? Instant(Duration(last)) + options_.persistent_keepalive : now.boot;
  if (now.boot >= due) sender_.send_keepalive(now, actions);
  // Without a session nothing was stamped; come back after a whole interval.
  persistent_at_ = now.boot >= due ? now.boot + options_.persistent_keepalive : due;
}

// --- Status

PeerStatus Peer::status(Instant now) const {
  PeerStatus status;
  if (const net::Endpoint* endpoint = link_->endpoint.get()) status.endpoint = *endpoint;
  status.latest_handshake = latest_handshake_;
  const Keypair* keypair = link_->live_keypair(now);
  status.session_live = keypair != nullptr;
  status.remote = remote();
  if (keypair != nullptr) status.lanes = keypair->send_lanes.open_count();
  if (path_.known()) {
    status.path = {.mtu = path_.mtu().limit(),
                   .overhead = path_.overhead(),
                   .phase = path_.mtu().phase(),
                   .source = path_.mtu().source(),
                   .round_trip_time = path_.mtu().round_trip_time()};
  }
  status.fast_cipher = keypair != nullptr && keypair->fast_send() != nullptr;
  status.handshake_pending = caller_.is_calling();
  status.handshake_attempts = caller_.attempts();
  status.wants_session = wants_session(now);
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
