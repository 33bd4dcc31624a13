#include "common/protocol/peer/peer.h"

#include <algorithm>

#include "common/protocol/constants.h"
#include "common/protocol/data_message.h"
#include "common/protocol/ethernet_message.h"
#include "common/protocol/sealing.h"

namespace tunneld::protocol {
Peer::Peer(PeerId id, PeerOptions options, std::size_t threads, Services& services, Now now)
    : id_(id),
      options_(std::move(options)),
      services_(services),
      link_(std::make_unique<PeerLink>(id, threads)),
      static_static_(services.identity.private_key.agree(options_.public_key)),
      cookies_(options_.public_key),
      caller_(*link_, options_.public_key, static_static_, cookies_, services),
      keypairs_(services),
      silence_(link_->activity),
      layer2_(*link_, services.extension.capabilities.tap),
      path_(*link_, services.path_policy),
      place_(*link_, path_, services.quiescence),
      waiting_(services.waiting_bytes) {
  link_->awaits_endpoint.store(options_.awaits_endpoint);
  if (options_.endpoint) set_endpoint(*options_.endpoint);
  if (options_.persistent_keepalive > Duration::zero()) persistent_at_ = now.boot;
}

// --- Handshake as initiator

void Peer::advance_calling(Now now, Actions& actions) {
  if (now.boot < caller_.deadline()) return;
  if (caller_.give_up(now)) {
    give_up_waiting(Drop::kUnanswered);
    actions.add_event({id_, Event::HandshakeGaveUp{}});
    return;
  }
  forget_local_address();  // it may be what is wrong
  caller_.repeat(now, actions);
}

bool Peer::accept_response(const ResponseMessage& message, const net::Endpoint& from, Now now,
                           Actions& actions) {
  catch_up(now, actions);
  auto keypair = caller_.finish(message, options_.preshared_key, now);
  if (!keypair) return false;
  link_->activity.stamp_received(now.boot, false);
  update_endpoint(from, actions);
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

  const std::uint32_t index = services_.reserve_index(id_);
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
  update_endpoint(from, actions);
  keypairs_.install_responder(std::make_unique<Keypair>(*link_, Role::kResponder, index, remote_index,
                                                        now.boot, std::move(answer->keys), services_.engine));
  // Waiting packets are sent first, so that they keep their place in the order; then workers take over.
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
  session_up(*keypair, now, actions);
}

// --- Notices of the data workers

void Peer::handle(const DoorRecord& record, ByteView payload, Now now, Actions& actions) {
  // A worker's change takes effect before its notice comes through the door: a packet that another worker has
  // read since must not meet the old state of the peer.
  catch_up(now, actions);
  switch (record.notice) {
    case Notice::kWaitingPacket:
      return queue_packet(payload, now, actions);
    case Notice::kControlFrame:
      return control_frame(record.index, payload, now, actions);
    case Notice::kConfirmed:
      return confirmed(record.index, now, actions);
    case Notice::kMoved:
      return;  // done by catch_up()
    case Notice::kMoving:
      return moved(record.endpoint, record.index, actions);
    case Notice::kSourceGone:
      return forget_local_address();
    case Notice::kRekey:
      return begin_handshake(now, actions);
    case Notice::kLaneWanted:
      return lane_wanted(record.index, payload[0], now, actions);
    case Notice::kWatch:
      return watch(now);
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
  actions.add_event({id_, Event::SessionUp{.initiator = keypair.role == Role::kInitiator}});
  // Waiting packets go out before workers can use the keypair, so that they keep their place in the order.
  const bool may_flush = !layer2_.at_tap() || layer2_.is_ready();
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
  if (keypair != nullptr && (!layer2_.at_tap() || layer2_.is_ready())) {
    seal(*keypair, packet, now, actions);  // the session came while the packet was in the door
    return;
  }
  if (keypair != nullptr && layer2_.is_refused()) return count_drop(Drop::kWrongLayer, 1);
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

// --- Configuration

void Peer::set_persistent_keepalive(Duration interval, Now now, Actions& actions) {
  const bool turned_on = options_.persistent_keepalive == Duration::zero() && interval > Duration::zero();
  options_.persistent_keepalive = interval;
  persistent_at_ = interval > Duration::zero() ? now.boot + interval : kNever;
  if (turned_on) send_keepalive(now, actions);
}

void Peer::reset() {
  caller_.reset();
  keypairs_.clear();
  give_up_waiting(Drop::kUnanswered);
  hellos_.reset();
  layer2_.forget();
  lane_opening_.forget();
  lane_beat_at_ = kNever;
  forget_session_at_ = kNever;
  path_.review();
}

// --- Timers

Instant Peer::deadline() const {
  return std::min({caller_.deadline(), keypairs_.next_expiry(), silence_.deadline(), hellos_.deadline(),
                   layer2_.deadline(), lane_opening_.deadline(), path_.deadline(), waiting_until_,
                   persistent_at_, forget_session_at_, lane_beat_at_});
}

void Peer::advance(Now now, Actions& actions) {
  catch_up(now, actions);
  advance_calling(now, actions);
  if (now.boot >= waiting_until_) {
    // A handshake that is under way has a time limit of its own; the packets are then dropped with it.
    if (!caller_.is_calling()) {
      give_up_waiting(Drop::kUnanswered);
    } else {
      waiting_until_ = now.boot + kRekeyTimeout;
    }
  }
  if (now.boot >= silence_.deadline()) look_at_activity(now, actions);
  repeat_hello(now, actions);
  ask_for_lanes(now, actions);
  beat_on_lane_0(now, actions);
  advance_persistent(now, actions);
  if (hellos_.expired(now.boot)) forget_remote(actions);
  if (now.boot >= layer2_.deadline()) decide_layer2(actions);
  if (now.boot >= forget_session_at_) {
    // A handshake that has begun meanwhile (after a long sleep, say) goes on, and packets still wait for it.
    forget_session_at_ = kNever;
    forget_remote(actions);
    layer2_.forget();
    actions.add_event({id_, Event::SessionExpired{}});
  }
  advance_path(now, actions);
}

void Peer::advance_persistent(Now now, Actions& actions) {
  if (now.boot < persistent_at_) return;
  const Instant::rep last = link_->activity.last_traversal.load();
  const Instant due = last != 0 ? Instant(Duration(last)) + options_.persistent_keepalive : now.boot;
  if (now.boot >= due) send_keepalive(now, actions);
  // Without a session nothing was stamped; come back after a whole interval.
  persistent_at_ = now.boot >= due ? now.boot + options_.persistent_keepalive : due;
}

bool Peer::answers_when_asked() const {
  return services_.extension.enabled && remote() && remote()->capabilities.probe;
}

void Peer::watch(Now now) {
  silence_.watch(answers_when_asked(), now.boot);
  path_.watch(now.boot);
}

void Peer::look_at_activity(Now now, Actions& actions) {
  const bool can_ask = answers_when_asked();
  const SilenceWatch::Step step = silence_.look(can_ask, now.boot);
  Keypair* keypair = step.keepalive ? live_keypair(now.boot) : nullptr;
  if (keypair != nullptr) seal(*keypair, {}, now, actions);
  if (step.silent) actions.add_event({id_, Event::Silent{}});
  if (step.handshake) begin_handshake(now, actions);
  if (step.probe) {
    const std::uint64_t id = (std::uint64_t{1} << 32) + random_below(services_.random, UINT32_MAX);
    (void)send_frame({FrameType::kProbe, {{"id", id}}}, now, actions);
  }
  silence_.settle(can_ask, now.boot);
}

// --- Status

void Peer::count_drop(Drop reason, std::uint64_t n) {
  services_.drops.count(reason, n);
  link_->traffic[services_.control_thread].drops.add(n);
}

bool Peer::wants_session(Instant now) const {
  return live_keypair(now) == nullptr &&
         (!waiting_.empty() || options_.persistent_keepalive > Duration::zero());
}

PeerStatus Peer::status(Instant now) const {
  PeerStatus status;
  if (const net::Endpoint* endpoint = link_->endpoint.get()) status.endpoint = *endpoint;
  status.latest_handshake = latest_handshake_;
  const Keypair* keypair = live_keypair(now);
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
