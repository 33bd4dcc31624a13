// Where a peer is, as the control thread knows it: what it is told, and what the data workers have found out
// on their own since (roaming_endpoint.h).
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "common/protocol/peer/peer_link.h"
#include "common/protocol/peer/peer_path.h"
#include "common/protocol/quiescence.h"

namespace tunneld::protocol {

class PeerPlace {
 public:
  /// `path` is looked at again when the place changes. All outlive this.
  PeerPlace(PeerLink& link, PeerPath& path, Quiescence& quiescence)
      : link_(link), path_(path), quiescence_(quiescence) {
    link_.endpoint.allow_move(quiescence_);
  }

  /// Whether a worker has moved the peer since the last call, be it there and back.
  [[nodiscard]] bool was_elsewhere() {
    const std::uint64_t moves = link_.endpoint.moves();
    return std::exchange(noted_moves_, moves) != moves;
  }
  /// Takes note of a move that a worker has made. True if the peer was at another address before.
  bool catch_up() {
    link_.endpoint.allow_move(quiescence_);
    const net::Endpoint* endpoint = link_.endpoint.get();
    if (endpoint == nullptr || (noted_ && *endpoint == *noted_)) return false;
    const std::optional<net::Endpoint> before = std::exchange(noted_, *endpoint);
    path_.review();
    return before && before->remote != endpoint->remote;
  }
  /// True if the peer was at another address before.
  bool set(const net::Endpoint& endpoint) {
    const std::optional<net::Endpoint> before = noted_;
    const net::Endpoint* published = link_.endpoint.get();
    if (published == nullptr || *published != endpoint) {
      link_.endpoint.replace(endpoint, quiescence_);
      noted_ = endpoint;
      path_.review();
    }
    return before && before->remote != endpoint.remote;
  }
  [[nodiscard]] bool has_local_address() const {
    const net::Endpoint* endpoint = link_.endpoint.get();
    return endpoint != nullptr && endpoint->local;
  }
  /// Lets the kernel choose where to send from, until the peer is heard again.
  void forget_local_address() {
    const net::Endpoint* endpoint = link_.endpoint.get();
    if (endpoint == nullptr || !endpoint->local) return;
    link_.endpoint.replace_if(
        endpoint, {.remote = endpoint->remote, .local = std::nullopt, .local_interface = 0}, quiescence_);
    path_.review();
  }
  /// Of the last catch_up() or set(); nullopt: nowhere yet.
  [[nodiscard]] const std::optional<net::Endpoint>& noted() const { return noted_; }

 private:
  PeerLink& link_;
  PeerPath& path_;
  Quiescence& quiescence_;
  std::optional<net::Endpoint> noted_;
  std::uint64_t noted_moves_ = 0;
};

}  // namespace tunneld::protocol
