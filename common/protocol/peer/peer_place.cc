#include "common/protocol/peer/peer_place.h"

#include <utility>

namespace tunneld::protocol {

PeerPlace::PeerPlace(PeerLink& link, PeerPath& path, PeerLanes& lanes, Quiescence& quiescence)
    : link_(link), path_(path), lanes_(lanes), quiescence_(quiescence) {
  link_.endpoint.allow_move(quiescence_);
}

void PeerPlace::catch_up(Actions& actions) {
  // A peer that is where it was may have been elsewhere meanwhile. The worker has left the lanes then, and
  // nobody asks for them again until they are closed here.
  const std::uint64_t moves = link_.endpoint.moves();
  if (std::exchange(noted_moves_, moves) != moves) lanes_.close();
  link_.endpoint.allow_move(quiescence_);
  const net::Endpoint* endpoint = link_.endpoint.get();
  if (endpoint == nullptr || (noted_ && *endpoint == *noted_)) return;
  const std::optional<net::Endpoint> before = std::exchange(noted_, *endpoint);
  path_.review();
  tell_move(before, actions);
}

void PeerPlace::heard_at(const net::Endpoint& endpoint, Actions& actions) {
  catch_up(actions);
  const std::optional<net::Endpoint> before = noted_;
  set(endpoint);
  tell_move(before, actions);
}

void PeerPlace::moving(const net::Endpoint& endpoint, const Keypair* keypair, Actions& actions) {
  const std::uint64_t told = link_.move_told.exchange(0);  // from now on, a later move is reported again
  // A newer message came from where the peer is known to be: it has been there and back.
  if (keypair != nullptr && keypair->replay.greatest() >= told) return;
  heard_at(endpoint, actions);
}

void PeerPlace::set(const net::Endpoint& endpoint) {
  const net::Endpoint* published = link_.endpoint.get();
  if (published != nullptr && *published == endpoint) return;
  link_.endpoint.replace(endpoint, quiescence_);
  noted_ = endpoint;
  path_.review();
}

void PeerPlace::forget_local_address() {
  const net::Endpoint* endpoint = link_.endpoint.get();
  if (endpoint == nullptr || !endpoint->local) return;
  lanes_.close();
  link_.endpoint.replace_if(
      endpoint, {.remote = endpoint->remote, .local = std::nullopt, .local_interface = 0}, quiescence_);
  path_.review();
}

void PeerPlace::tell_move(const std::optional<net::Endpoint>& before, Actions& actions) {
  if (!before || before->remote == noted_->remote) return;
  lanes_.close();
  actions.add_event({link_.id, Event::EndpointMoved{.endpoint = *noted_}});
}

}  // namespace tunneld::protocol
