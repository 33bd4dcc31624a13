// Where the peer is: as set from outside, and as found by the data workers when the peer moved or confirmed
// its keypair. Their news has already taken effect (roaming_endpoint.h, PeerLink::keypair_to_send); this file
// does the rest.
#include <algorithm>
#include <utility>

#include "common/protocol/constants.h"
#include "common/protocol/peer.h"

namespace tunneld::protocol {

void Peer::catch_up(Now now, Actions& actions) {
  // The host may have slept, or this thread been busy: a key that is too old must not be used below.
  keypairs_.retire_expired(now.boot);
  const Keypair* next = keypairs_.next();
  if (next != nullptr && next->confirmed.load()) confirmed(next->local_index, now, actions);
  note_endpoint(actions);
}

void Peer::update_endpoint(const net::Endpoint& endpoint, Actions& actions) {
  note_endpoint(actions);
  const std::optional<net::Endpoint> before = noted_endpoint_;
  set_endpoint(endpoint);
  if (before) tell_move(*before, endpoint, actions);
}

void Peer::note_endpoint(Actions& actions) {
  link_->endpoint.allow_move(services_.quiescence);
  const net::Endpoint* endpoint = link_->endpoint.get();
  if (endpoint == nullptr || (noted_endpoint_ && *endpoint == *noted_endpoint_)) return;
  const std::optional<net::Endpoint> before = std::exchange(noted_endpoint_, *endpoint);
  path_.review();
  if (before) tell_move(*before, *noted_endpoint_, actions);
}

void Peer::tell_move(const net::Endpoint& from, const net::Endpoint& to, Actions& actions) {
  if (from.remote == to.remote) return;
  close_lanes();
  actions.add_event({.kind = Event::Kind::kEndpointMoved, .peer = id_, .endpoint = to});
}

void Peer::moved(const net::Endpoint& endpoint, Actions& actions) {
  link_->move_told.store(false);  // before looking, so that a later move is reported again
  update_endpoint(endpoint, actions);
}

// --- Endpoint

void Peer::set_endpoint(const net::Endpoint& endpoint) {
  const net::Endpoint* known = link_->endpoint.get();
  if (known != nullptr && *known == endpoint) return;
  link_->endpoint.replace(endpoint, services_.quiescence);
  noted_endpoint_ = endpoint;
  path_.review();
}

void Peer::try_endpoint(const net::Endpoint& endpoint, Now now, Actions& actions) {
  const net::Endpoint* known = link_->endpoint.get();
  const bool is_elsewhere = known == nullptr || known->remote != endpoint.remote;
  const bool is_calling = retransmit_at_ != kNever;
  set_endpoint(endpoint);
  if (is_elsewhere && is_calling) {
    // The new address has not been called yet. The number of tries so far still counts.
    drop_pending();
    send_initiation(now, actions, Reach::kEndpoint);
  } else if (status(now.boot).wants_session) {
    if (is_elsewhere) {
      last_initiation_sent_.reset();
      not_before_ = Instant{};
    }
    begin_handshake(now, actions);
  }
}

void Peer::forget_local_address() {
  const net::Endpoint* endpoint = link_->endpoint.get();
  if (endpoint == nullptr || !endpoint->local) return;
  close_lanes();
  link_->endpoint.replace_if(endpoint,
                             {.remote = endpoint->remote, .local = std::nullopt, .local_interface = 0},
                             services_.quiescence);
  path_.review();
}

void Peer::network_changed(Now now, Actions& actions) {
  forget_local_address();
  close_lanes();
  if (retransmit_at_ != kNever) {
    // The last initiation left by the old network and is probably lost. If it did arrive, a second one within
    // 5 s would make a stock peer forget the first.
    const Instant earliest = last_initiation_sent_ ? *last_initiation_sent_ + kRekeyTimeout : now.boot;
    retransmit_at_ = std::min(retransmit_at_, std::max(now.boot, earliest));
  } else if (Keypair* keypair = live_keypair(now.boot)) {
    seal(*keypair, {}, now, actions);
  }
}

}  // namespace tunneld::protocol
