// Where a peer is, as the control thread knows it: what it is told, and what the data workers have found out
// on their own since. A worker's move has already taken effect (roaming_endpoint.h); this class does the rest.
#pragma once

#include <cstdint>
#include <optional>

#include "common/protocol/actions.h"
#include "common/protocol/peer/peer_lanes.h"
#include "common/protocol/peer/peer_link.h"
#include "common/protocol/peer/peer_path.h"
#include "common/protocol/quiescence.h"

namespace tunneld::protocol {

class PeerPlace {
 public:
  /// When the place changes, `path` is looked at again; when the address does, `lanes` are closed. All
  /// outlive this.
  PeerPlace(PeerLink& link, PeerPath& path, PeerLanes& lanes, Quiescence& quiescence);

  /// Takes note of a move that a worker has made.
  void catch_up(Actions& actions);
  /// The peer has been heard from here.
  void heard_at(const net::Endpoint& endpoint, Actions& actions);
  /// The same from a worker that could not move the peer itself: `keypair`, if it still exists, was used there.
  void moving(const net::Endpoint& endpoint, const Keypair* keypair, Actions& actions);
  /// Somebody says so who has not heard the peer there. It is no move, and no event.
  void set(const net::Endpoint& endpoint);
  /// Lets the kernel choose where to send from, until the peer is heard again.
  void forget_local_address();

 private:
  void tell_move(const std::optional<net::Endpoint>& before, Actions& actions);

  PeerLink& link_;
  PeerPath& path_;
  PeerLanes& lanes_;
  Quiescence& quiescence_;
  /// Where the peer was when the control thread last looked; nullopt: nowhere yet.
  std::optional<net::Endpoint> noted_;
  /// As in RoamingEndpoint.
  std::uint64_t noted_moves_ = 0;
};

}  // namespace tunneld::protocol
