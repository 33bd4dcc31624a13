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
#include "common/protocol/hello.h"
#include "common/protocol/keypairs.h"
#include "common/protocol/lane_opening.h"
#include "common/protocol/noise_handshake.h"
#include "common/protocol/peer_path.h"
#include "common/protocol/services.h"
#include "common/protocol/tai64n.h"
#include "common/protocol/waiting_packets.h"

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
  /// Without an endpoint now, there will be one: see PeerLink.
  bool awaits_endpoint = false;
  /// Packets between two isolated peers are dropped.
  bool isolated = false;
};

/// What a person asks about a peer.
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

/// Control frames that are looked at: a peer must not keep the control thread busy with them.
class FrameBudget {
 public:
  [[nodiscard]] bool take(Instant now);

 private:
  static constexpr std::uint64_t kBurst = 100;
  static constexpr Duration kEvery = 20ms;
  std::uint64_t left_ = kBurst;
  Instant refilled_{};
};

/// How a message of the control thread leaves, where that is not as usual.
struct Leaving {
  /// The port that it leaves from; the message as such is one of lane 0.
  unsigned lane = 0;
  /// A probe of the path has its size already; of this inner size, 0: any.
  std::optional<std::uint32_t> probe{};
};

class Peer {
 public:
  Peer(PeerId id, PeerOptions options, std::size_t threads, Services& services, Now now);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// Begins a handshake unless one is under way; at the earliest 5 s after the last initiation.
  void begin_handshake(Now now, Actions& actions);
  /// A handshake that has authenticated up to the static key; false if it is refused (replayed, too fast).
  [[nodiscard]] bool accept_initiation(InitiationFromPeer initiation, const net::Endpoint& from, Now now,
                                       Actions& actions);
  [[nodiscard]] bool accept_response(const ResponseMessage& message, const net::Endpoint& from, Now now,
                                     Actions& actions);
  [[nodiscard]] bool accept_cookie(const CookieMessage& message, Now now);
  /// ICMP says that nothing listens at `at`, where the initiation `index` went. Not authenticated: the next
  /// try comes sooner, once per session, and that is all.
  void refused(std::uint32_t index, const net::SocketAddress& at, Now now, Actions& actions);

  /// An inner packet that found no session: kept (bounded, oldest dropped) while a handshake is made.
  void queue_packet(ByteView packet, Now now, Actions& actions);

  // Notices of the data workers.
  /// An authenticated plaintext of the keypair `index` that is no IP packet. What is malformed is ignored.
  void control_frame(std::uint32_t index, ByteView plain, Now now, Actions& actions);
  /// Seals a control frame under the live keypair, padded with zeros to a plaintext of at least `plain_size`
  /// bytes. False without a session, with the extension turned off, or for a frame that is too large.
  bool send_frame(const ControlFrame& frame, Now now, Actions& actions, std::size_t plain_size = 0);
  /// What the host knows of the route to the peer's address.
  void learn_route(const RouteMtu& route) { path_.learn(route); }
  void review_path() { path_.review(); }
  /// The outgoing interface cannot carry a probe of this size.
  void probe_refused(std::uint32_t size, Now now) { path_.refused(size, now.boot); }
  /// Tells a tunneld that the session ends here, and ends it.
  void say_bye(Now now, Actions& actions);
  void confirmed(std::uint32_t index, Now now, Actions& actions);
  void moved(const net::Endpoint& endpoint, Actions& actions);
  /// Takes note of what workers have changed since: a confirmation, a move.
  void catch_up(Now now, Actions& actions);
  /// The way to the peer is not what it was: says so to a peer with a session, from wherever that is now, and
  /// calls one that is being called again as soon as 5 s have passed since the last initiation.
  void network_changed(Now now, Actions& actions);
  /// Lets the kernel choose where to send from, until the peer is heard again.
  void forget_local_address();
  /// A worker has much to send under the keypair `index`, and its lane is not open.
  void lane_wanted(std::uint32_t index, unsigned lane, Now now, Actions& actions);
  void rekey_wanted(Now now, Actions& actions) { begin_handshake(now, actions); }
  void watch(Now now);

  // Configuration, changed while running.
  void set_endpoint(const net::Endpoint& endpoint);
  /// All that its names lead to. The first try of a handshake goes to the endpoint, the others to all of
  /// them.
  void set_addresses(std::vector<net::SocketAddress> addresses) { addresses_ = std::move(addresses); }
  /// The host could not send the initiation anywhere: it does not count as sent, and other addresses are
  /// tried at once.
  void initiation_unsent(Now now);
  /// Somewhere else: a handshake that is under way or wanted begins there at once.
  void try_endpoint(const net::Endpoint& endpoint, Now now, Actions& actions);
  void set_preshared_key(std::optional<crypto::PresharedKey> key);
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
  [[nodiscard]] const std::optional<crypto::SymmetricKey>& static_static() const { return static_static_; }
  /// What the peer said of itself in its last HELLO; nullopt for a stock WireGuard peer and before the HELLO.
  [[nodiscard]] const std::optional<Hello>& remote() const { return remote_; }
  [[nodiscard]] PeerStatus status(Instant now) const;
  [[nodiscard]] const PeerPath& path() const { return path_; }

 private:
  /// Whom an initiation goes to: the endpoint, or all addresses that the peer may be at.
  enum class Reach : std::uint8_t { kEndpoint, kEverywhere };
  void send_initiation(Now now, Actions& actions, Reach reach);
  void address_initiation(ByteView message, const net::Endpoint& endpoint, Reach reach, Now now,
                          Actions& actions);
  /// How long the initiation that has just been sent waits for its response.
  [[nodiscard]] Duration patience(Now now);
  [[nodiscard]] Instant earliest_call() const;
  [[nodiscard]] bool heard_lately(Now now) const;
  [[nodiscard]] bool may_be_elsewhere() const;
  /// The peer is likely to be back, or elsewhere, in a moment: the next tries come soon. False if they have
  /// been used up since the last session.
  bool hurry(Now now);
  void call_with_cookie(Now now);
  void retry_or_give_up(Now now, Actions& actions);
  void drop_pending();
  void session_up(Keypair& keypair, Now now, Actions& actions);
  void seal(Keypair& keypair, ByteView plain, Now now, Actions& actions, Leaving leaving = {});
  void offer_lanes(Keypair& keypair, unsigned theirs);
  void ask_for_lanes(Now now, Actions& actions);
  void accept_lane_frame(Keypair& keypair, const ControlFrame& frame, Now now, Actions& actions);
  /// Something on lane 0 every now and then, because it alone tells the peer where we are.
  void beat_on_lane_0(Now now, Actions& actions);
  /// The way to the peer has changed: what was found out about lanes is void.
  void close_lanes();
  void send_keepalive(Now now, Actions& actions);
  void begin_hello(const Keypair& keypair, Now now, Actions& actions);
  void accept_hello(Keypair& keypair, const Hello& hello, Now now, Actions& actions);
  void forget_remote(Actions& actions);
  /// The interface carries Ethernet frames.
  [[nodiscard]] bool at_tap() const { return services_.extension.capabilities.tap; }
  void send_waiting(Keypair& keypair, Now now, Actions& actions);
  void give_up_waiting(Drop reason);
  /// By what the peer has said, or has not.
  void decide_layer2(Actions& actions);
  void accept_bye(Now now, Actions& actions);
  void advance_path(Now now, Actions& actions);
  void tell_path_mtu(Actions& actions);
  void answer_probe(const ControlFrame& probe, Now now, Actions& actions);
  void say_hello(bool is_answer, Keypair& keypair, Now now, Actions& actions);
  void repeat_hello(Now now, Actions& actions);
  void look_at_activity(Now now, Actions& actions);
  /// Whether silence is soon looked into, because the peer answers when asked.
  [[nodiscard]] bool answers_when_asked() const;
  void update_endpoint(const net::Endpoint& endpoint, Actions& actions);
  void note_endpoint(Actions& actions);
  void tell_move(const net::Endpoint& from, const net::Endpoint& to, Actions& actions);
  void count_drop(Drop reason, std::uint64_t n);
  [[nodiscard]] Keypair* live_keypair(Instant now) const;

  const PeerId id_;
  PeerOptions options_;
  Services& services_;
  std::unique_ptr<PeerLink> link_;
  /// DH of the two static keys, or nullopt when the peer's key is a low-order point: then nothing is ever
  /// sent.
  const std::optional<crypto::SymmetricKey> static_static_;

  // Handshake.
  CookieJar cookies_;
  std::optional<InitiatorHandshake> pending_;
  std::uint32_t pending_index_ = 0;
  unsigned attempts_ = 0;
  std::optional<Instant> last_initiation_sent_;
  Instant calling_since_{};
  std::vector<net::SocketAddress> addresses_;
  /// Where the last initiation went and has not been refused.
  std::vector<net::SocketAddress> called_;
  /// Where the first try of this handshake went.
  std::optional<net::SocketAddress> tried_first_;
  bool may_hurry_ = true;
  bool cookie_used_ = false;
  unsigned hurried_tries_ = 0;
  Instant hurry_until_{};
  Instant not_before_{};
  std::optional<Instant> last_initiation_received_;
  std::optional<Tai64n> greatest_timestamp_;
  std::optional<Instant> latest_handshake_;
  WallTime last_timestamp_{};  ///< of an initiation of ours

  Keypairs keypairs_;
  WaitingPackets waiting_;
  /// What is known of the endpoint here: workers may have moved it since.
  std::optional<net::Endpoint> noted_endpoint_;

  /// When the wait began that kSilent was reported for, and that a PROBE was sent for, as in Activity.
  Instant::rep silence_told_ = 0;
  Instant::rep silence_probed_ = 0;

  // Extension.
  std::optional<Hello> remote_;
  /// Of the keypair that remote_ was last said under.
  std::uint32_t hello_index_ = 0;
  /// As the session's initiator.
  unsigned hellos_sent_ = 0;
  FrameBudget frame_budget_;
  LaneOpening lane_opening_;
  PeerPath path_;
  /// Limit, and whether a search goes on.
  std::pair<std::uint32_t, bool> told_path_mtu_{kNoPathMtu, false};

  // Timers; kNever when off.
  Instant hello_at_ = kNever;
  Instant remote_expires_at_ = kNever;
  Instant lane_beat_at_ = kNever;
  Instant layer2_at_ = kNever;  ///< a HELLO is overdue that would say tap
  Instant retransmit_at_ = kNever;
  Instant waiting_until_ = kNever;  ///< for who waits without a handshake that would give up
  Instant look_at_ = kNever;
  Instant persistent_at_ = kNever;
  Instant forget_session_at_ = kNever;
};

}  // namespace tunneld::protocol
