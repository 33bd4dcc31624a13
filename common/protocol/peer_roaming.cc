// What the data workers have found out on their own: the peer has moved, or confirmed its keypair. Both are
// in effect already (roaming_endpoint.h, PeerLink::keypair_to_send); here the rest follows.
#include <utility>

#include "common/protocol/peer.h"

namespace tunneld::protocol {

void Peer::catch_up(Now now, Actions& actions) {
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
  link_->move_told.store(false);  // before we look: a later move is told again
  update_endpoint(endpoint, actions);
}

}  // namespace tunneld::protocol
