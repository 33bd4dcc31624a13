// Which of our addresses each peer accepts: its allowed IPs for us, which it tells us in a frame ACCEPTS
// (docs/extension.md).
//
// WireGuard drops a packet whose source is not among the allowed IPs of its sender, without a word. The
// sender's administrator sees a session that is up, and no answer. With ACCEPTS, `tunneld doctor` at the
// sender can say which entry is wrong at the other end.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "common/crypto/keys.h"
#include "common/json.h"
#include "common/net/ip_address.h"
#include "common/protocol/control_frame.h"
#include "common/protocol/tunnel.h"
#include "daemon/tunnel_driver.h"

namespace tunneld::daemon {

/// What a peer has said.
struct Accepts {
  std::vector<net::IpPrefix> networks;
  /// The peer accepts more networks than fit into a frame.
  bool more = false;
  bool operator==(const Accepts&) const = default;
};

/// A frame with as many of the networks as fit.
[[nodiscard]] protocol::ControlFrame accepts_frame(const std::vector<net::IpPrefix>& networks);
/// nullopt for a body that is not as docs/extension.md describes it.
[[nodiscard]] std::optional<Accepts> accepts_from(const Json& body);

/// Tells the peers what is accepted of them, and keeps what they have said.
class AcceptedSources {
 public:
  /// Both outlive this.
  AcceptedSources(const protocol::Tunnel& tunnel, TunnelDriver& driver);
  AcceptedSources(const AcceptedSources&) = delete;
  AcceptedSources& operator=(const AcceptedSources&) = delete;

  /// Peers, or their allowed IPs, may have changed: tells those whom it concerns.
  void peers_changed();
  /// For the status document: null if the peer has said nothing.
  [[nodiscard]] Json status(const protocol::Peer& peer) const;

 private:
  void tell(protocol::PeerId id, const protocol::Peer& peer);

  const protocol::Tunnel& tunnel_;
  TunnelDriver& driver_;
  /// By public key, because an id can be given to another peer.
  std::map<crypto::PublicKey, std::vector<net::IpPrefix>> told_;
  std::map<crypto::PublicKey, Accepts> heard_;
};

}  // namespace tunneld::daemon
