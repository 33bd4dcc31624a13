// Whom an initiation goes to, and how long it waits for its response.
//
// The whitepaper knows one address and 5 s. A name may lead to several addresses, of which some are dead (an
// IPv6 that is a black hole on the way, a first record that is out of date): then the first try waits 2 s,
// the second goes to all the others, and further ones to all, 5 s apart. It is the same message that goes to
// all of them, so a peer that is reached by two ways takes it once, and the other is a replay; two different
// ones within a round trip would make a stock peer answer the one that we have forgotten.
//
// When the peer has said BYE, or its host says that nobody listens (ICMP, in answer to an initiation), it is
// either restarted, and back in a moment, or has moved, and its name will tell. The next tries come after
// about 0.3, 1 and 2 s; once per session, because what says so may be forged. They are spread, because a
// server ends all its sessions at once.
//
// ICMP is believed only where it quotes the random index of an initiation that still waits for its response,
// from where that one went: who cannot read our datagrams cannot guess it. Whoever can, could as well have
// dropped them, and gains a handshake a little earlier. A session, if there is one, goes on; and a peer that
// is heard is there, whatever ICMP says.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "common/protocol/constants.h"
#include "common/protocol/peer.h"

namespace tunneld::protocol {
namespace {

/// A name that leads to more is tried in portions.
constexpr std::size_t kMostAtOnce = 8;
/// When an initiation is repeated that may be too early: so that the tries are at 0.3, 1, 2 and 4 s.
constexpr std::array<Duration, 3> kHurriedTimeouts = {700ms, 1s, 2s};
constexpr Duration kHurriedStart = 300ms;
/// An answer to an initiation that comes later is about something else.
constexpr Duration kRefusedWithin = 3s;
/// What is left of the hurry is of no use later.
constexpr Duration kHurry = 15s;
constexpr Duration kCookieStart = 300ms, kCookieSpread = 3s;
/// After what the host itself has refused to send.
constexpr Duration kElsewhereAfter = 50ms;

}  // namespace

Instant Peer::earliest_call() const {
  const Instant again = last_initiation_sent_ ? *last_initiation_sent_ + kRekeyTimeout : Instant{};
  return std::max(again, not_before_);
}

bool Peer::heard_lately(Now now) const {
  const Instant last(Duration(link_->activity.last_received.load()));
  return live_keypair(now.boot) != nullptr && now.boot - last < kQuickHandshakeAfter;
}

bool Peer::may_be_elsewhere() const {
  const net::Endpoint* endpoint = link_->endpoint.get();
  return std::ranges::any_of(addresses_, [endpoint](const net::SocketAddress& address) {
    return endpoint == nullptr || address != endpoint->remote;
  });
}

void Peer::address_initiation(ByteView message, const net::Endpoint& endpoint, Reach reach, Now now,
                              Actions& actions) {
  called_.clear();
  const auto send_to = [&](const net::Endpoint& to) {
    called_.push_back(to.remote);
    const MutableBytes datagram = actions.add_datagram(to, message.size(), true);
    std::memcpy(datagram.data(), message.data(), message.size());
  };
  if (reach == Reach::kEndpoint || !may_be_elsewhere() || heard_lately(now)) {
    tried_first_ = endpoint.remote;
    send_to(endpoint);
    return actions.mark_initiation(id_);
  }
  // The one that was called 2 s ago may still answer; it has its turn the next time.
  const auto passed_over = std::exchange(tried_first_, std::nullopt);
  std::vector<net::SocketAddress> all = addresses_;
  if (std::ranges::find(all, endpoint.remote) == all.end()) all.push_back(endpoint.remote);
  std::erase_if(all, [&](const net::SocketAddress& address) { return passed_over == address; });
  const std::size_t begin = all.size() > kMostAtOnce ? (attempts_ - 1) * kMostAtOnce : 0;
  for (std::size_t i = 0; i < std::min(all.size(), kMostAtOnce); ++i) {
    send_to({.remote = all[(begin + i) % all.size()], .local = std::nullopt, .local_interface = 0});
  }
}

Duration Peer::patience(Now now) {
  const auto up_to = [this](Duration most) {
    return Duration(services_.random_below(static_cast<std::uint32_t>(most.count())));
  };
  if (now.boot < hurry_until_ && hurried_tries_ < kHurriedTimeouts.size()) {
    const Duration least = kHurriedTimeouts[hurried_tries_++];
    return least + up_to(least / 4);
  }
  const bool others_wait = tried_first_ && may_be_elsewhere() && !heard_lately(now);
  return (others_wait ? kQuickTimeout : kRekeyTimeout) + up_to(kRekeyTimeoutJitterMax);
}

bool Peer::hurry(Now now) {
  if (!may_hurry_ || now.boot < hurry_until_) return false;
  may_hurry_ = false;
  hurry_until_ = now.boot + kHurry;
  hurried_tries_ = 0;
  not_before_ = now.boot + kHurriedStart +
                Duration(services_.random_below(static_cast<std::uint32_t>(Duration(kHurriedStart).count())));
  return true;
}

void Peer::refused(std::uint32_t index, const net::SocketAddress& at, Now now, Actions& actions) {
  if (!pending_ || index != pending_index_ || heard_lately(now)) return;
  if (!last_initiation_sent_ || now.boot - *last_initiation_sent_ > kRefusedWithin) return;
  // As long as it may be answered from elsewhere, there is something to wait for.
  if (std::erase(called_, at) == 0 || !called_.empty() || !hurry(now)) return;
  retransmit_at_ = std::min(retransmit_at_, not_before_);
  actions.add_event({.kind = Event::Kind::kRefused,
                     .peer = id_,
                     .endpoint = {.remote = at, .local = std::nullopt, .local_interface = 0}});
}

// Who answers with a cookie has not looked at the initiation, so there is nothing to wait for. Many of us may
// be behind one address, which then has 20 handshakes a second in all: spread, most get through the first
// time.
void Peer::call_with_cookie(Now now) {
  if (std::exchange(cookie_used_, true)) return;
  const auto more = Duration(services_.random_below(static_cast<std::uint32_t>(kCookieSpread.count())));
  retransmit_at_ = std::min(retransmit_at_, now.boot + kCookieStart + more);
}

void Peer::initiation_unsent(Now now) {
  if (retransmit_at_ == kNever) return;
  last_initiation_sent_.reset();
  if (attempts_ == 1 && may_be_elsewhere()) retransmit_at_ = now.boot + kElsewhereAfter;
}

}  // namespace tunneld::protocol
