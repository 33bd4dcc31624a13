// Which addresses an initiation goes to, and how long it waits for its response.
//
// The whitepaper has one address and 5 s. A name may have several addresses, some of them dead (IPv6 that is
// a black hole on the way, a first record that is out of date). Then the first try waits 2 s, the second goes
// to all the other addresses, and further tries go to all of them, 5 s apart. All addresses get the same
// message: a peer that is reached by two paths accepts it once and sees the second copy as a replay. Two
// different messages within a round trip would make a stock peer answer the one that we have forgotten.
//
// When the peer has said BYE, or its host says that nobody listens (ICMP, in answer to an initiation), the
// peer is either being restarted and will be back in a moment, or it has moved, and its name will tell. The
// next tries come after about 0.3, 1 and 2 s. This happens only once per session, because the news may be
// forged. The tries are spread randomly, because a server ends all its sessions at once.
//
// ICMP is believed only if it quotes the random index of an initiation that still waits for its response, and
// names the address that the initiation went to. An attacker who cannot read our datagrams cannot guess the
// index. One who can read them could as well have dropped them, and gains no more than a handshake that comes
// a little earlier. An existing session goes on; and while the peer is heard, ICMP is ignored.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "common/protocol/constants.h"
#include "common/protocol/peer.h"

namespace tunneld::protocol {
namespace {

/// A name with more addresses is tried in portions of this many.
constexpr std::size_t kMostAtOnce = 8;
/// Timeouts of initiations that may be too early, so that the tries are at 0.3, 1, 2 and 4 s.
constexpr std::array<Duration, 3> kHurriedTimeouts = {700ms, 1s, 2s};
constexpr Duration kHurriedStart = 300ms;
/// A refusal that comes later than this concerns something else.
constexpr Duration kRefusedWithin = 3s;
/// Hurried tries that are left after this time are no longer useful.
constexpr Duration kHurry = 15s;
constexpr Duration kCookieStart = 300ms, kCookieSpread = 3s;
/// The delay after our own host has refused to send the initiation.
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
  // The address that was called 2 s ago may still answer, so it is left out this time.
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
  // While another address may still answer, wait for it.
  if (std::erase(called_, at) == 0 || !called_.empty() || !hurry(now)) return;
  retransmit_at_ = std::min(retransmit_at_, not_before_);
  actions.add_event({.kind = Event::Kind::kRefused,
                     .peer = id_,
                     .endpoint = {.remote = at, .local = std::nullopt, .local_interface = 0}});
}

// A responder that answers with a cookie has not processed the initiation, so there is no response to wait
// for. Many peers may be behind our address, which then has 20 handshakes per second for all of them. The
// delay is random, so that most of them get through at the first try.
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
