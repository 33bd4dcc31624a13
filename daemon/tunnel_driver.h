// Drives the sans-IO Tunnel on the control thread, from the workers' doors and a timer, and does what it asks
// for: sends its datagrams, logs its events, asks the resolver.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/log.h"
#include "common/net/udp_socket.h"
#include "common/pace.h"
#include "common/protocol/tunnel.h"
#include "config/config.h"
#include "daemon/data_worker.h"
#include "daemon/desired_peer.h"
#include "daemon/endpoint_resolver.h"
#include "daemon/key_use.h"
#include "daemon/refusal_hearing.h"

namespace tunneld::daemon {

class TunnelDriver {
 public:
  /// `sockets`: of the workers. The first is for handshakes and keepalives, too (sending is thread-safe).
  /// `lane_sockets`: by worker.
  /// `on_device_gone` is called when somebody has deleted the device.
  TunnelDriver(boost::asio::io_context& io, protocol::Tunnel& tunnel, protocol::DataPlane& plane,
               std::vector<net::UdpSocket>& sockets, std::vector<net::UdpSocket>& lane_sockets,
               std::function<void()> on_device_gone);
  TunnelDriver(const TunnelDriver&) = delete;
  TunnelDriver& operator=(const TunnelDriver&) = delete;

  struct PeersChanged {
    std::size_t added = 0;
    std::size_t removed = 0;
    std::size_t changed = 0;
  };
  /// Replaces the peers, which are identified by their public keys: others are removed with their sessions,
  /// new ones are added, and the sessions of those that stay go on. May be called while actions are carried
  /// out: what it causes to be sent leaves afterwards.
  PeersChanged set_peers(const std::vector<DesiredPeer>& peers);
  /// Where a run before has found the peer. `calls`: begins a handshake there. Nothing where there is no such
  /// peer.
  void remember_place(const crypto::PublicKey& peer, const net::SocketAddress& address, bool calls);
  /// What set_peers() and remember_place() would send a moment later.
  void send_now() { carry_out(actions_); }
  /// The half of set_peers() that takes away: allowed IPs that a peer will not have any more. For what has to
  /// happen before somebody else gets them.
  void withdraw(const std::vector<DesiredPeer>& peers);
  /// The host has slept: the routes to all peers that we call may have changed.
  void network_changed();
  /// The route to this peer has changed.
  void route_changed(protocol::PeerId peer);
  /// There may be a resolver now.
  void retry_lookups() { resolver_.retry_failed(); }
  [[nodiscard]] bool knows(protocol::PeerId peer) const { return peers_.contains(peer); }
  /// Whether the configuration says where the peer is.
  [[nodiscard]] bool calls(protocol::PeerId peer) const;
  using EndpointGuard = std::function<std::optional<std::string>(const net::Endpoint&)>;
  /// The guard says, in words, why nothing may be sent to an endpoint.
  void guard_endpoints(EndpointGuard guard) { endpoint_guard_ = std::move(guard); }
  /// The guard's answers may have changed.
  void recheck_endpoints();
  /// Ends all sessions, and says BYE to the peers that understand it.
  void say_goodbye();
  /// nullopt for a peer that has been removed.
  [[nodiscard]] std::optional<crypto::PublicKey> key_of(protocol::PeerId peer) const;
  [[nodiscard]] WorkerSignals& signals() { return signals_; }

  using FrameHandler = std::function<void(protocol::PeerId, const protocol::ControlFrame&)>;
  using EventHandler = std::function<void(const protocol::Event&)>;
  /// Sets the handler of the peers' frames of this type. It may send frames itself (send_frame).
  void on_frame(protocol::FrameType type, FrameHandler handler) {
    frame_handlers_[type] = std::move(handler);
  }
  /// What a peer that is removed is told before its session ends; nullopt: nothing.
  void on_removal(std::function<std::optional<protocol::ControlFrame>(protocol::PeerId)> last_word) {
    last_word_ = std::move(last_word);
  }
  /// Who else wants to know of events. Of a peer's moves, which cause questions to the kernel, no more are
  /// told than those are worth; the last one is told as AskRoute.
  void on_event(EventHandler handler) { event_handlers_.push_back(std::move(handler)); }
  /// What the host knows of the route to the peer's address.
  void learn_route(protocol::PeerId peer, const protocol::RouteMtu& route);
  /// To a peer that has a session; false if it has none. Sent at once.
  bool send_frame(protocol::PeerId peer, const protocol::ControlFrame& frame, std::size_t plain_size = 0);

  struct PeerInfo {
    std::string name;
    /// Why there is no session, in words; empty if there is nothing to say.
    std::string note;
    /// Why nothing is exchanged with the peer although there may be a session; empty as a rule.
    std::string refused{};
    /// Why it is not even called, in words; empty as a rule.
    std::string forbidden_endpoint{};
    /// Its key is used by two hosts at once, in words; empty as a rule.
    std::string two_places{};
  };
  [[nodiscard]] bool has_endpoint(const crypto::PublicKey& peer) const;
  /// Called when nobody answers a peer's handshakes, before the next one is sent: a NAT may keep a stale
  /// entry for our port. True: they leave from another port from now on.
  void on_port_useless(std::function<bool()> call) { on_port_useless_ = std::move(call); }
  /// Called each time the lookup of an endpoint's name has given an address.
  void on_endpoint_found(std::function<void()> call) { on_endpoint_found_ = std::move(call); }
  [[nodiscard]] PeerInfo info(protocol::PeerId peer) const;
  /// In the configuration; empty if there is no such peer. Valid until the peers change.
  [[nodiscard]] std::string_view name(protocol::PeerId peer) const;

 private:
  struct PeerState;
  /// Returns whether anything has changed; what the routing table needs goes to `changes`.
  bool change_peer(protocol::PeerId id, const DesiredPeer& wanted, protocol::Tunnel::PeerChanges& changes,
                   Now now);
  void look_up_endpoints(protocol::PeerId id);
  void wait_for_notices();
  void wait_for_timer();
  void drain_doors();
  void advance();
  /// Does what the tunnel asks for, and sets the timer to what the tunnel waits for now.
  void carry_out(protocol::Actions& actions);
  /// Called before an initiation is repeated that has had no answer for long.
  void change_port_if_useless(protocol::Actions& actions);
  [[nodiscard]] bool may_send(const net::Endpoint& to);
  /// Whether the route of this message is looked up. Not for every cookie: strangers with false addresses
  /// cause those.
  [[nodiscard]] bool is_worth_a_look(ByteView message);
  void check_endpoint(protocol::PeerId peer);
  /// Whether the route to a peer that has moved is looked up now. One that moves with each packet is looked up
  /// at a pace of its own, and keeps its last result until then.
  [[nodiscard]] bool may_look(protocol::PeerId peer);
  /// Looks up the peers whose turn was put off.
  void look_after_all();
  void send_probe(const protocol::Actions::Datagram& probe, ByteView bytes);
  void report(const protocol::Event& event);
  void report_session(protocol::PeerId peer, PeerState& state);
  void report_layer2_refused(protocol::PeerId peer, PeerState& state);
  void arm_timer();
  void heard_from(protocol::PeerId peer, const net::SocketAddress& place);
  [[nodiscard]] std::string label(protocol::PeerId peer) const;
  /// For a line that the peer can cause: those beyond a limited rate are for debugging only.
  [[nodiscard]] static log::Level level_of(log::Level usual, PeerState& state);
  [[nodiscard]] std::optional<net::SocketAddress> current_address(protocol::PeerId peer);

  protocol::Tunnel& tunnel_;
  protocol::DataPlane& plane_;
  net::UdpSocket& socket_;
  std::vector<net::UdpSocket>& lane_sockets_;
  std::function<void()> on_device_gone_;
  std::function<void()> on_endpoint_found_;
  std::function<bool()> on_port_useless_;
  Instant next_port_at_{};
  EndpointGuard endpoint_guard_;
  Pace looks_for_strangers_{20, std::chrono::milliseconds(100)};
  /// Peers that have moved too often for a lookup each time, and when they are looked up after all.
  std::set<protocol::PeerId> looks_put_off_;
  Instant look_at_ = kNever;
  boost::asio::posix::stream_descriptor wake_;   ///< eventfd
  boost::asio::posix::stream_descriptor timer_;  ///< timerfd on CLOCK_BOOTTIME: fires at once after a sleep
  WorkerSignals signals_;
  EndpointResolver resolver_;
  protocol::Actions actions_;
  std::vector<net::Datagram> datagrams_;
  std::vector<std::optional<protocol::PeerId>> initiations_;  ///< beside datagrams_
  RefusalHearing refusals_;
  Instant armed_ = kNever;
  bool told_segmentation_lost_ = false;
  bool told_lock_failed_ = false;
  struct PeerState {
    config::PeerConfig config;
    std::string short_key;
    /// withdraw() has changed `config` since set_peers().
    bool is_withdrawn = false;
    std::string problem{};
    std::string refused{};
    std::string forbidden_endpoint{};
    bool up = false;
    Instant tell_moves_at{};
    KeyUse key_use{};
    Instant tell_two_places_at{};
    Pace looks{20, std::chrono::milliseconds(100)};
    /// Limits lines about sessions, which the peer can begin and end as it likes.
    Pace tell{20, std::chrono::seconds(10)};
  };
  std::map<protocol::PeerId, PeerState> peers_;
  std::map<protocol::FrameType, FrameHandler> frame_handlers_;
  std::vector<EventHandler> event_handlers_;
  std::function<std::optional<protocol::ControlFrame>(protocol::PeerId)> last_word_;
};

}  // namespace tunneld::daemon
