// Drives the sans-IO Tunnel on the control thread. Input comes from the workers' doors and a timer. The driver
// carries out the tunnel's actions: it sends datagrams, logs events and asks the resolver.
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
  /// `sockets`: one for each worker. The first one also sends handshakes and keepalives (sending is thread-safe).
  /// `lane_sockets`: indexed by worker. `on_device_gone` is called when somebody has deleted the device.
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
  /// Replaces the peers, which are identified by their public keys. Peers that are not listed are removed with
  /// their sessions, new ones are added, and those that stay keep their sessions. May be called while actions are
  /// carried out; then the resulting packets are sent afterwards.
  PeersChanged set_peers(const std::vector<DesiredPeer>& peers);
  /// Sets the address at which the last run has found the peer. `calls`: starts a handshake with it. Does nothing
  /// if there is no such peer.
  void remember_place(const crypto::PublicKey& peer, const net::SocketAddress& address, bool calls);
  /// Sends the packets of set_peers() and remember_place() at once.
  void send_now() { carry_out(actions_); }
  /// Removes the allowed IPs that peers will lose in set_peers(), so that the host can be changed before other
  /// peers get them.
  void withdraw(const std::vector<DesiredPeer>& peers);
  /// The host has slept: the routes to all peers that we call may have changed.
  void network_changed();
  /// The route to this peer has changed.
  void route_changed(protocol::PeerId peer);
  /// A resolver may have become available.
  void retry_lookups() { resolver_.retry_failed(); }
  [[nodiscard]] bool knows(protocol::PeerId peer) const { return peers_.contains(peer); }
  /// Whether the configuration has an endpoint of the peer.
  [[nodiscard]] bool calls(protocol::PeerId peer) const;
  using EndpointGuard = std::function<std::optional<std::string>(const net::Endpoint&)>;
  /// The guard returns the reason, in words, if nothing may be sent to an endpoint.
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
  /// Sets the callback for the last frame to a removed peer, sent before its session ends; nullopt: none.
  void on_removal(std::function<std::optional<protocol::ControlFrame>(protocol::PeerId)> last_word) {
    last_word_ = std::move(last_word);
  }
  /// Adds a handler for events. A peer's moves lead to queries to the kernel, so only a limited number of them is
  /// reported; the last one comes as AskRoute.
  void on_event(EventHandler handler) { event_handlers_.push_back(std::move(handler)); }
  /// Passes on what the host knows of the route to the peer's address.
  void learn_route(protocol::PeerId peer, const protocol::RouteMtu& route);
  /// Sends the frame at once. False: the peer has no session.
  bool send_frame(protocol::PeerId peer, const protocol::ControlFrame& frame, std::size_t plain_size = 0);

  struct PeerInfo {
    std::string name;
    /// Why there is no session, in words; empty if there is nothing to say.
    std::string note;
    /// Why nothing is exchanged with the peer although there may be a session; empty as a rule.
    std::string refused{};
    /// Why we do not even call it, in words; empty as a rule.
    std::string forbidden_endpoint{};
    /// That two hosts use its key at once, in words; empty as a rule.
    std::string two_places{};
  };
  [[nodiscard]] bool has_endpoint(const crypto::PublicKey& peer) const;
  /// Called when a peer's handshakes stay unanswered, before the next one is sent, because a NAT may have a stale
  /// entry for our port. True: packets leave from another port from now on.
  void on_port_useless(std::function<bool()> call) { on_port_useless_ = std::move(call); }
  /// Called each time the lookup of an endpoint's name has given an address.
  void on_endpoint_found(std::function<void()> call) { on_endpoint_found_ = std::move(call); }
  [[nodiscard]] PeerInfo info(protocol::PeerId peer) const;
  /// Its name in the configuration; empty if there is no such peer. Valid until the peers change.
  [[nodiscard]] std::string_view name(protocol::PeerId peer) const;

 private:
  struct PeerState;
  /// Returns whether anything has changed. Adds to `changes` what has to change in the routing table.
  bool change_peer(protocol::PeerId id, const DesiredPeer& wanted, protocol::Tunnel::PeerChanges& changes,
                   Now now);
  void look_up_endpoints(protocol::PeerId id);
  void wait_for_notices();
  void wait_for_timer();
  void drain_doors();
  void advance();
  /// Carries out the tunnel's actions, and sets the timer to its next deadline.
  void carry_out(protocol::Actions& actions);
  /// Called before an initiation is repeated that has stayed unanswered for long.
  void change_port_if_useless(protocol::Actions& actions);
  [[nodiscard]] bool may_send(const net::Endpoint& to);
  /// Whether the route of this message is looked up. Not for every cookie reply, because strangers with forged
  /// addresses can cause any number of them.
  [[nodiscard]] bool is_worth_a_look(ByteView message);
  void check_endpoint(protocol::PeerId peer);
  /// Whether the route to a peer that has moved is looked up now. If a peer moves with each packet, lookups are
  /// limited to a fixed rate, and the last result stays valid in between.
  [[nodiscard]] bool may_look(protocol::PeerId peer);
  /// Makes the lookups that were put off.
  void look_after_all();
  void send_probe(const protocol::Actions::Datagram& probe, ByteView bytes);
  void report(const protocol::Event& event);
  void report_session(protocol::PeerId peer, PeerState& state);
  void report_layer2_refused(protocol::PeerId peer, PeerState& state);
  void arm_timer();
  void heard_from(protocol::PeerId peer, const net::SocketAddress& place);
  [[nodiscard]] std::string label(protocol::PeerId peer) const;
  /// The level of a line that the peer can cause: beyond a limited rate, lines are for debugging only.
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
  /// Peers that have moved too often for a lookup each time, and the time of the next lookup.
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
    /// Limits log lines about sessions, because the peer can start and end any number of them.
    Pace tell{20, std::chrono::seconds(10)};
  };
  std::map<protocol::PeerId, PeerState> peers_;
  std::map<protocol::FrameType, FrameHandler> frame_handlers_;
  std::vector<EventHandler> event_handlers_;
  std::function<std::optional<protocol::ControlFrame>(protocol::PeerId)> last_word_;
};

}  // namespace tunneld::daemon
