// One peer as the control thread sees it. A state machine without I/O: messages and `Now` in, Actions out. The
// data workers see only its PeerLink.
//
// It is made of parts, each of which owns its state and has a file of its own: whom to call (caller.h), where
// the peer is (peer_place.h), what waits (peer_queue.h), what is sent (peer_sender.h), HELLO (peer_hello.h),
// lanes (peer_lanes.h), the path (peer_path.h), silence (silence_watch.h). Peer is where they meet: a message
// comes, a session begins or ends, a timer fires. Timers follow section 6 of the whitepaper; deadline() says
// when advance() wants to be called next.
#pragma once

#include <optional>
#include <vector>

#include "common/crypto/keys.h"
#include "common/net/ip_address.h"
#include "common/protocol/actions.h"
#include "common/protocol/cookie.h"
#include "common/protocol/door.h"
#include "common/protocol/keypairs.h"
#include "common/protocol/noise_handshake.h"
#include "common/protocol/peer/caller.h"
#include "common/protocol/peer/hello_exchange.h"
#include "common/protocol/peer/initiation_filter.h"
#include "common/protocol/peer/peer_hello.h"
#include "common/protocol/peer/peer_lanes.h"
#include "common/protocol/peer/peer_path.h"
#include "common/protocol/peer/peer_place.h"
#include "common/protocol/peer/peer_queue.h"
#include "common/protocol/peer/peer_sender.h"
#include "common/protocol/peer/silence_watch.h"
#include "common/protocol/services.h"

namespace tunneld::protocol {

struct PeerOptions {
  crypto::PublicKey public_key;
  std::optional<crypto::PresharedKey> preshared_key;
  std::vector<net::IpPrefix> allowed_ips;
  /// Stations that are at this peer and nowhere else; with any, it may send from no other. For a tap.
  std::vector<net::MacAddress> mac_addresses{};
  std::optional<net::Endpoint> endpoint;
  /// Zero: off.
  Duration persistent_keepalive{0};
  /// There may be no endpoint yet, but there will be one: see PeerLink.
  bool awaits_endpoint = false;
  /// Packets between two isolated peers are dropped.
  bool isolated = false;
};

/// What `tunneld status` and the log say of a peer.
struct PeerStatus {
  std::optional<net::Endpoint> endpoint;
  std::optional<Instant> latest_handshake;
  bool session_live = false;
  bool handshake_pending = false;
  /// There are packets to send, or a keepalive is due, and no session.
  bool wants_session = false;
  unsigned handshake_attempts = 0;
  std::uint64_t sent_bytes = 0, received_bytes = 0, sent_packets = 0, received_packets = 0,
                dropped_packets = 0;
  bool fast_cipher = false;
  /// Open ones, besides lane 0.
  unsigned lanes = 0;
  /// What the peer has said of itself; nullopt for a stock WireGuard peer.
  std::optional<Hello> remote;
  /// nullopt while no address is known.
  struct Path {
    /// The largest inner packet, and outer bytes around one.
    std::uint32_t mtu, overhead;
    PathMtu::Phase phase;
    PathMtu::Source source;
    std::optional<Duration> round_trip_time;
  };
  std::optional<Path> path;
};

class Peer {
 public:
  Peer(PeerId id, PeerOptions options, std::size_t threads, Services& services, Now now);
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // For the tunnel: what comes from the peer and from the data workers, and time.
  /// An initiation that names this peer's key; false if it is refused (forged, replayed, too fast).
  [[nodiscard]] bool accept_initiation(OpenedInitiation opened, const net::Endpoint& from, Now now,
                                       Actions& actions);
  [[nodiscard]] bool accept_response(const ResponseMessage& message, const net::Endpoint& from, Now now,
                                     Actions& actions);
  [[nodiscard]] bool accept_cookie(const CookieMessage& message, Now now);
  /// A notice of a data worker about this peer.
  void handle(const DoorRecord& record, ByteView payload, Now now, Actions& actions);
  [[nodiscard]] Instant deadline() const;
  void advance(Now now, Actions& actions);
  /// Forgets session and handshake; the link stays known.
  void reset();
  [[nodiscard]] std::unique_ptr<PeerLink> release_link() { return std::move(link_); }

  // For the daemon: what it decides about the peer, and what it finds out for it.
  /// Seals a control frame under the live keypair, padded with zeros to a plaintext of at least `plain_size`
  /// bytes. False without a session, with the extension turned off, or for a frame that is too large.
  bool send_frame(const ControlFrame& frame, Now now, Actions& actions, std::size_t plain_size = 0) {
    return sender_.send_frame(frame, now, actions, plain_size);
  }
  /// Tells a tunneld that the session ends here, and ends it.
  void say_bye(Now now, Actions& actions);
  /// The path to the peer has changed: a peer with a session is sent a keepalive, so that it learns our new
  /// address; one that is being called is called again as soon as 5 s have passed since the last initiation.
  void network_changed(Now now, Actions& actions);
  /// Sets the endpoint. If the address is a new one, a handshake that is under way or wanted begins there at
  /// once.
  void try_endpoint(const net::Endpoint& endpoint, Now now, Actions& actions);
  /// Turning it on sends one at once.
  void set_persistent_keepalive(Duration interval, Now now, Actions& actions);
  [[nodiscard]] PeerStatus status(Instant now) const;
  /// What the peer said of itself in its last HELLO; nullopt for a stock WireGuard peer and before the HELLO.
  [[nodiscard]] const std::optional<Hello>& remote() const { return hellos_.remote(); }

  // What it is made of.
  [[nodiscard]] const PeerOptions& options() const { return options_; }
  /// All but `persistent_keepalive` and `endpoint` may be changed here; some of it is also in the tunnel's
  /// routing table (Tunnel::change_peers).
  [[nodiscard]] PeerOptions& options() { return options_; }
  [[nodiscard]] const PeerLink& link() const { return *link_; }
  [[nodiscard]] PeerLink& link() { return *link_; }
  /// Its handshakes: begin one, say where it may be called, and what became of the calls.
  [[nodiscard]] Caller& caller() { return caller_; }
  [[nodiscard]] const Keypairs& keypairs() const { return keypairs_; }
  [[nodiscard]] PeerPath& path() { return path_; }
  [[nodiscard]] const PeerPath& path() const { return path_; }

 private:
  /// Takes note of what workers have changed since: a confirmation, a move.
  void catch_up(Now now, Actions& actions);
  /// An authenticated plaintext of the keypair `index` that is no IP packet. What is malformed is ignored.
  void control_frame(std::uint32_t index, ByteView plain, Now now, Actions& actions);
  void accept_bye(Now now, Actions& actions);
  void session_up(Keypair& keypair, Now now, Actions& actions);
  /// There are packets to send, or a keepalive is due, and no session.
  [[nodiscard]] bool wants_session(Instant now) const;

  // Parts of advance().
  void advance_calling(Now now, Actions& actions);
  void advance_silence(Now now, Actions& actions);
  void advance_persistent(Now now, Actions& actions);
  void advance_path(Now now, Actions& actions);
  void tell_path_mtu(Actions& actions);

  PeerOptions options_;
  Services& services_;
  std::unique_ptr<PeerLink> link_;

  // Handshakes and what comes of them.
  /// DH of the two static keys, or nullopt when the peer's key is a low-order point: then nothing is ever
  /// sent.
  const std::optional<crypto::SymmetricKey> static_static_;
  CookieJar cookies_;
  InitiationFilter initiations_;
  Caller caller_;
  Keypairs keypairs_;
  std::optional<Instant> latest_handshake_;
  Instant forget_session_at_ = kNever;

  // What is known of the peer, and when to find out more.
  HelloExchange hellos_;
  SilenceWatch silence_;
  PeerPath path_;
  FrameBudget frame_budget_;

  // What acts on it. Each uses those above it.
  PeerSender sender_;
  PeerLanes lanes_;
  PeerQueue queue_;
  PeerPlace place_;
  PeerHello hello_;
  Instant persistent_at_ = kNever;  ///< the next persistent keepalive
};

}  // namespace tunneld::protocol
