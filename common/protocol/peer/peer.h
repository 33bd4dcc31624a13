// One peer as the control thread sees it: handshakes, keypairs, timers, packets that wait for a session.
//
// A state machine without I/O: messages and `Now` in, Actions out. The data workers see only its PeerLink.
// Timers follow section 6 of the whitepaper; deadline() says when advance() wants to be called next.
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
#include "common/protocol/peer/lane_opening.h"
#include "common/protocol/peer/layer2_agreement.h"
#include "common/protocol/peer/peer_path.h"
#include "common/protocol/peer/peer_place.h"
#include "common/protocol/peer/silence_watch.h"
#include "common/protocol/peer/waiting_packets.h"
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

/// How a message of the control thread is sent, if not in the usual way.
struct Leaving {
  /// The lane whose port it is sent from; it has a counter of lane 0.
  unsigned lane = 0;
  /// Set for a probe of the path, which is not padded any further: its inner size, or 0 for any.
  std::optional<std::uint32_t> probe{};
};

class Peer {
 public:
  Peer(PeerId id, PeerOptions options, std::size_t threads, Services& services, Now now);
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// Begins a handshake unless one is under way; at the earliest 5 s after the last initiation.
  void begin_handshake(Now now, Actions& actions) { caller_.begin(now, actions); }
  /// An initiation that names this peer's key; false if it is refused (forged, replayed, too fast).
  [[nodiscard]] bool accept_initiation(OpenedInitiation opened, const net::Endpoint& from, Now now,
                                       Actions& actions);
  [[nodiscard]] bool accept_response(const ResponseMessage& message, const net::Endpoint& from, Now now,
                                     Actions& actions);
  [[nodiscard]] bool accept_cookie(const CookieMessage& message, Now now);
  /// ICMP says that nothing listens at `at`, where the initiation `index` went. Not authenticated: the next
  /// try comes sooner, once per session, and that is all.
  void refused(std::uint32_t index, const net::SocketAddress& at, Now now, Actions& actions) {
    caller_.refused(index, at, now, actions);
  }

  /// A notice of a data worker about this peer.
  void handle(const DoorRecord& record, ByteView payload, Now now, Actions& actions);

  /// Seals a control frame under the live keypair, padded with zeros to a plaintext of at least `plain_size`
  /// bytes. False without a session, with the extension turned off, or for a frame that is too large.
  bool send_frame(const ControlFrame& frame, Now now, Actions& actions, std::size_t plain_size = 0);
  /// Tells a tunneld that the session ends here, and ends it.
  void say_bye(Now now, Actions& actions);
  /// The path to the peer has changed: a peer with a session is sent a keepalive, so that it learns our new
  /// address; one that is being called is called again as soon as 5 s have passed since the last initiation.
  void network_changed(Now now, Actions& actions);

  // Configuration, changed while running.
  void set_endpoint(const net::Endpoint& endpoint) { place_.set(endpoint); }
  /// All addresses that its names resolve to. The first try of a handshake goes to the endpoint, the others
  /// to all of them.
  void set_addresses(std::vector<net::SocketAddress> addresses) {
    caller_.set_addresses(std::move(addresses));
  }
  /// The host could not send the initiation anywhere: it does not count as sent, and other addresses are
  /// tried at once.
  void initiation_unsent(Now now) { caller_.unsent(now); }
  /// Sets the endpoint. If the address is a new one, a handshake that is under way or wanted begins there at
  /// once.
  void try_endpoint(const net::Endpoint& endpoint, Now now, Actions& actions);
  void set_preshared_key(std::optional<crypto::PresharedKey> key) { options_.preshared_key = std::move(key); }
  /// Turning it on sends one at once.
  void set_persistent_keepalive(Duration interval, Now now, Actions& actions);

  [[nodiscard]] Instant deadline() const;
  void advance(Now now, Actions& actions);
  /// Forgets session and handshake; the link stays known.
  void reset();

  [[nodiscard]] const PeerOptions& options() const { return options_; }
  [[nodiscard]] PeerOptions& options() { return options_; }
  [[nodiscard]] const PeerLink& link() const { return *link_; }
  [[nodiscard]] PeerLink& link() { return *link_; }
  [[nodiscard]] std::unique_ptr<PeerLink> release_link() { return std::move(link_); }
  [[nodiscard]] const Keypairs& keypairs() const { return keypairs_; }
  /// What the peer said of itself in its last HELLO; nullopt for a stock WireGuard peer and before the HELLO.
  [[nodiscard]] const std::optional<Hello>& remote() const { return hellos_.remote(); }
  [[nodiscard]] PeerStatus status(Instant now) const;
  [[nodiscard]] const PeerPath& path() const { return path_; }
  [[nodiscard]] PeerPath& path() { return path_; }

 private:
  // Notices of the data workers.
  /// Takes note of what workers have changed since: a confirmation, a move.
  void catch_up(Now now, Actions& actions);
  /// An inner packet that found no session: kept (bounded, oldest dropped) while a handshake is made.
  void queue_packet(ByteView packet, Now now, Actions& actions);
  /// An authenticated plaintext of the keypair `index` that is no IP packet. What is malformed is ignored.
  void control_frame(std::uint32_t index, ByteView plain, Now now, Actions& actions);
  void confirmed(std::uint32_t index, Now now, Actions& actions);
  void moved(const net::Endpoint& endpoint, std::uint32_t index, Actions& actions);
  /// A worker has much to send under the keypair `index`, and its lane is not open.
  void lane_wanted(std::uint32_t index, unsigned lane, Now now, Actions& actions);
  void watch(Now now);

  void advance_calling(Now now, Actions& actions);
  void session_up(Keypair& keypair, Now now, Actions& actions);
  void seal(Keypair& keypair, ByteView plain, Now now, Actions& actions, Leaving leaving = {});
  void send_keepalive(Now now, Actions& actions);
  void send_waiting(Keypair& keypair, Now now, Actions& actions);
  void give_up_waiting(Drop reason);
  void count_drop(Drop reason, std::uint64_t n);
  [[nodiscard]] bool wants_session(Instant now) const;
  [[nodiscard]] Keypair* live_keypair(Instant now) const { return link_->live_keypair(now); }
  void look_at_activity(Now now, Actions& actions);
  void advance_persistent(Now now, Actions& actions);
  /// Whether the peer answers PROBE, so that silence can be looked into early.
  [[nodiscard]] bool answers_when_asked() const;

  // Place.
  /// Lets the kernel choose where to send from, until the peer is heard again.
  void forget_local_address();
  void update_endpoint(const net::Endpoint& endpoint, Actions& actions);
  void note_endpoint(Actions& actions);
  void tell_move(const net::Endpoint& to, Actions& actions);

  // Lanes.
  void offer_lanes(Keypair& keypair, unsigned theirs);
  void ask_for_lanes(Now now, Actions& actions);
  void accept_lane_frame(Keypair& keypair, const ControlFrame& frame, Now now, Actions& actions);
  /// Sends on lane 0 now and then, because only lane 0 shows the peer our address.
  void beat_on_lane_0(Now now, Actions& actions);
  /// The path to the peer has changed: what was found out about lanes no longer holds.
  void close_lanes();

  // What two tunnelds say.
  void begin_hello(const Keypair& keypair, Now now, Actions& actions);
  void say_hello(bool is_answer, Keypair& keypair, Now now, Actions& actions);
  void repeat_hello(Now now, Actions& actions);
  void accept_hello(Keypair& keypair, const Hello& hello, Now now, Actions& actions);
  void forget_remote(Actions& actions);
  void decide_layer2(Actions& actions);
  void accept_bye(Now now, Actions& actions);
  void advance_path(Now now, Actions& actions);
  void tell_path_mtu(Actions& actions);
  void answer_probe(const ControlFrame& probe, Now now, Actions& actions);

  const PeerId id_;
  PeerOptions options_;
  Services& services_;
  std::unique_ptr<PeerLink> link_;
  /// DH of the two static keys, or nullopt when the peer's key is a low-order point: then nothing is ever
  /// sent.
  const std::optional<crypto::SymmetricKey> static_static_;
  CookieJar cookies_;

  // Each with its own deadline().
  Caller caller_;
  Keypairs keypairs_;
  SilenceWatch silence_;
  HelloExchange hellos_;
  Layer2Agreement layer2_;
  LaneOpening lane_opening_;
  PeerPath path_;

  InitiationFilter initiations_;
  PeerPlace place_;
  FrameBudget frame_budget_;
  WaitingPackets waiting_;
  std::optional<Instant> latest_handshake_;

  // Timers; kNever when off.
  Instant waiting_until_ = kNever;  ///< for packets that wait without a handshake that would give up
  Instant persistent_at_ = kNever;
  Instant forget_session_at_ = kNever;
  Instant lane_beat_at_ = kNever;
};

}  // namespace tunneld::protocol
