#include "common/protocol/peer/caller.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/protocol/constants.h"
#include "common/protocol/tai64n.h"

namespace tunneld::protocol {
namespace {

/// An ICMP error that comes later than this after an initiation is not about it.
constexpr Duration kRefusedWithin = 3s;
constexpr Duration kCookieStart = 300ms, kCookieSpread = 3s;
/// The pause before other addresses are tried if the host itself could not send the initiation.
constexpr Duration kElsewhereAfter = 50ms;

}  // namespace

Caller::Caller(PeerLink& link, const crypto::PublicKey& peer_key,
               const std::optional<crypto::SymmetricKey>& static_static, CookieJar& cookies,
               Services& services)
    : link_(link),
      peer_key_(peer_key),
      static_static_(static_static),
      cookies_(cookies),
      services_(services) {}

Caller::~Caller() {
  services_.timestamps.forget(last_timestamp_);
  drop_pending();
}

// --- Calling

void Caller::begin(Now now, Actions& actions) {
  if (is_calling()) return;  // its own timer repeats it
  attempts_ = 0;
  cookie_used_ = false;
  const Instant again = last_sent_ ? *last_sent_ + kRekeyTimeout : Instant{};
  if (const Instant earliest = std::max(again, hurry_.not_before()); earliest > now.boot) {
    retransmit_at_ = earliest;
    return;
  }
  call(Reach::kEndpoint, now, actions);
}

bool Caller::give_up(Now now) {
  if (attempts_ < kMaxHandshakeAttempts || now.boot - calling_since_ < kRekeyAttemptTime) return false;
  reset();
  return true;
}

void Caller::repeat(Now now, Actions& actions) {
  retransmit_at_ = kNever;
  const bool is_first = attempts_ == 0;
  call(is_first ? Reach::kEndpoint : Reach::kEverywhere, now, actions);
  if (!is_first) actions.add_event({link_.id, Event::HandshakeRetry{.attempt = attempts_}});
}

void Caller::call_elsewhere(Now now, Actions& actions) {
  if (!is_calling()) {
    last_sent_.reset();
    hurry_.go();
    return begin(now, actions);
  }
  // The last initiation went there, too: a second one would make a stock peer's answer to it useless.
  const net::Endpoint* endpoint = link_.endpoint.get();
  if (pending_ && endpoint != nullptr && list_.is_called(endpoint->remote)) return;
  drop_pending();
  call(Reach::kEndpoint, now, actions);
}

void Caller::network_changed(Now now) {
  // If the last initiation did arrive, a second one within 5 s would make a stock peer forget the first.
  const Instant earliest = last_sent_ ? *last_sent_ + kRekeyTimeout : now.boot;
  retransmit_at_ = std::min(retransmit_at_, std::max(now.boot, earliest));
}

void Caller::call(Reach reach, Now now, Actions& actions) {
  if (!static_static_) return;
  const net::Endpoint* endpoint = link_.endpoint.get();
  if (endpoint == nullptr) {
    actions.add_event({link_.id, Event::NoEndpoint{}});
    return;
  }
  drop_pending();
  pending_index_ = services_.reserve_index(link_.id);
  last_timestamp_ = services_.timestamps.next(now.wall, last_timestamp_);
  auto started = InitiatorHandshake::start(services_.identity, peer_key_, *static_static_, pending_index_,
                                           Tai64n::from(last_timestamp_), services_.random);
  if (!started) {
    services_.release_index(pending_index_);
    return;
  }
  pending_ = std::move(started->handshake);
  cookies_.add_macs(started->message, now.boot);
  send(as_bytes(started->message), *endpoint, reach, now, actions);

  if (attempts_++ == 0) calling_since_ = now.boot;
  last_sent_ = now.boot;
  retransmit_at_ = now.boot + patience(now);
  link_.activity.stamp_sent(now.boot, false);
}

void Caller::send(ByteView message, const net::Endpoint& endpoint, Reach reach, Now now, Actions& actions) {
  const auto send_to = [&](const net::Endpoint& to) {
    const MutableBytes datagram = actions.add_datagram(to, message.size(), true);
    std::memcpy(datagram.data(), message.data(), message.size());
  };
  if (reach == Reach::kEndpoint || !may_be_elsewhere() || heard_lately(now)) {
    list_.call_endpoint(endpoint.remote);
    send_to(endpoint);
    return actions.mark_initiation(link_.id);
  }
  for (const net::SocketAddress& remote : list_.call_all(endpoint.remote, attempts_))
    send_to({.remote = remote, .local = std::nullopt, .local_interface = 0});
}

Duration Caller::patience(Now now) {
  if (const auto least = hurry_.next_timeout(now.boot))
    return *least + random_up_to(services_.random, *least / 4);
  const bool others_wait = list_.others_wait() && may_be_elsewhere() && !heard_lately(now);
  return (others_wait ? kQuickTimeout : kRekeyTimeout) +
         random_up_to(services_.random, kRekeyTimeoutJitterMax);
}

bool Caller::heard_lately(Now now) const {
  const Instant last(Duration(link_.activity.last_received.load()));
  return link_.live_keypair(now.boot) != nullptr && now.boot - last < kQuickHandshakeAfter;
}

void Caller::drop_pending() {
  if (!pending_) return;
  services_.release_index(pending_index_);
  pending_.reset();
  pending_index_ = 0;
}

// --- Answers

std::unique_ptr<Keypair> Caller::finish(const ResponseMessage& response,
                                        const std::optional<crypto::PresharedKey>& preshared_key, Now now) {
  if (!awaits(response.receiver())) return nullptr;
  auto keys = pending_->finish(services_.identity, preshared_key, response);
  if (!keys) return nullptr;
  auto keypair = std::make_unique<Keypair>(link_, Role::kInitiator, pending_index_, response.sender(),
                                           now.boot, std::move(*keys), services_.engine);
  pending_.reset();  // its index lives on in the keypair
  pending_index_ = 0;
  return keypair;
}

// A peer that answers with a cookie has dropped the initiation, so no response will come. Many of us may be
// behind one address, which is then allowed 20 handshakes a second in all: the delay is random, so that most
// of us succeed with the first repetition.
void Caller::answered_with_cookie(Now now) {
  if (std::exchange(cookie_used_, true)) return;
  const Duration more = random_up_to(services_.random, kCookieSpread);
  retransmit_at_ = std::min(retransmit_at_, now.boot + kCookieStart + more);
}

void Caller::refused(std::uint32_t index, const net::SocketAddress& at, Now now, Actions& actions) {
  if (!awaits(index) || heard_lately(now)) return;
  if (!last_sent_ || now.boot - *last_sent_ > kRefusedWithin) return;
  // Another address that was called may still answer.
  if (!list_.refused(at) || !hurry_.begin(now.boot, services_.random)) return;
  retransmit_at_ = std::min(retransmit_at_, hurry_.not_before());
  actions.add_event({link_.id, Event::Refused{.address = at}});
}

void Caller::unsent(Now now) {
  if (!is_calling()) return;
  last_sent_.reset();
  if (attempts_ == 1 && may_be_elsewhere()) retransmit_at_ = now.boot + kElsewhereAfter;
}

void Caller::peer_left(Now now) {
  if (hurry_.begin(now.boot, services_.random)) last_sent_.reset();  // it has been answered
}

// --- Session

void Caller::session_up() {
  reset();
  hurry_.session_up();
}

void Caller::reset() {
  drop_pending();
  attempts_ = 0;
  retransmit_at_ = kNever;
}

}  // namespace tunneld::protocol
