// Where the peer is: as set from outside, and as found by the data workers when the peer moved or confirmed
// its keypair. Their news has already taken effect (roaming_endpoint.h, PeerLink::keypair_to_send); this file
// does the rest.
#include <algorithm>
#include <utility>

#include "common/protocol/constants.h"
#include "common/protocol/peer/peer.h"

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
  if (place_.set(endpoint)) tell_move(endpoint, actions);
}

void Peer::note_endpoint(Actions& actions) {
  // The worker has left the lanes, and nobody asks for them again until they are closed here.
  if (place_.was_elsewhere()) close_lanes();
  if (place_.catch_up()) tell_move(*place_.noted(), actions);
}

void Peer::tell_move(const net::Endpoint& to, Actions& actions) {
  close_lanes();
  actions.add_event({id_, Event::EndpointMoved{.endpoint = to}});
}

void Peer::moved(const net::Endpoint& endpoint, std::uint32_t index, Actions& actions) {
  const std::uint64_t told = link_->move_told.exchange(0);  // from now on, a later move is reported again
  // A newer message came from where the peer is known to be: it has been there and back.
  const Keypair* keypair = keypairs_.find(index);
  if (keypair != nullptr && keypair->replay.greatest() >= told) return;
  update_endpoint(endpoint, actions);
}

// --- Endpoint

void Peer::try_endpoint(const net::Endpoint& endpoint, Now now, Actions& actions) {
  const net::Endpoint* known = link_->endpoint.get();
  const bool is_elsewhere = known == nullptr || known->remote != endpoint.remote;
  set_endpoint(endpoint);
  if (is_elsewhere && (caller_.is_calling() || wants_session(now.boot))) {
    caller_.call_elsewhere(now, actions);
  } else if (wants_session(now.boot)) {
    begin_handshake(now, actions);
  }
}

void Peer::forget_local_address() {
  if (!place_.has_local_address()) return;
  close_lanes();
  place_.forget_local_address();
}

void Peer::network_changed(Now now, Actions& actions) {
  forget_local_address();
  close_lanes();
  if (caller_.is_calling()) {
    caller_.network_changed(now);
  } else if (Keypair* keypair = live_keypair(now.boot)) {
    seal(*keypair, {}, now, actions);
  }
}

}  // namespace tunneld::protocol
