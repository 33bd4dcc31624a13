// The server's side of CONFIG: answers clients that ask, and informs them when something changes.
//
// Addresses come from the pool, fixed ones from the configuration. A new lease is on disk before its client
// hears of it, and the client's allowed IPs follow at the same moment. A CONFIG is repeated until it is
// acknowledged, five times at most; a client that still wants it asks again.
//
// Sans-IO, as the protocol is: frames, events and Now in; frames and a deadline out. What must be done before
// an answer may leave goes through Host.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/json.h"
#include "common/pace.h"
#include "common/protocol/config_message.h"
#include "common/protocol/tunnel.h"
#include "config/config.h"
#include "daemon/push/address_pool.h"
#include "daemon/push/push_frames.h"

namespace tunneld::daemon {

class ServerPush {
 public:
  /// What has to be done before an answer may leave, because the answer depends on the result.
  struct Host {
    /// On return, the leases are on disk. Throws with the reason if that fails; then the old ones are on
    /// disk.
    std::function<void(const Leases&)> save;
    /// Applies these leases to host and tunnel. Throws with the reason if that fails; then nothing has
    /// changed.
    std::function<void(const Leases&)> take;
  };

  /// `config` has a server section; `tunnel` outlives this. `leases`: those of the previous run.
  ServerPush(std::shared_ptr<const config::Config> config, const protocol::Tunnel& tunnel, Host host,
             const std::vector<Lease>& leases, Now now);

  void on_event(const PushPeer& from, const protocol::Event& event);
  /// Handles CONFIG_REQUEST and CONFIG_ACK; other frames are not for this side.
  void on_frame(const PushPeer& from, const protocol::ControlFrame& frame, Now now, PushFrames& out);
  /// The last frame to a client that is removed: it must give up what it was given, because others may get it.
  /// nullopt for a peer that was given nothing in its present session.
  [[nodiscard]] std::optional<protocol::ControlFrame> last_word(protocol::PeerId peer);
  /// When on_timer() is due. Each function above and below may move it.
  [[nodiscard]] Instant deadline() const;
  void on_timer(Now now, PushFrames& out);
  /// The daemon ends: saves the leases.
  void stop(Now now);

  /// The pool under another configuration, without leases that do not fit it. Changes nothing.
  [[nodiscard]] AddressPool pool_for(const config::Config& next) const;
  /// The configuration has changed, and the tunnel has the leases of pool_for(). Sends connected clients their
  /// changed configuration.
  void reconfigured(std::shared_ptr<const config::Config> config, AddressPool pool, Now now, PushFrames& out);
  [[nodiscard]] const AddressPool& pool() const { return pool_; }
  /// For status: leases, and which clients have acknowledged their configuration.
  [[nodiscard]] Json status(Now now) const;

 private:
  struct Client {
    crypto::PublicKey key;
    protocol::ConfigMessage told{};
    bool acknowledged = false;
    unsigned sent = 0;
    /// kNever if it is not repeated.
    Instant repeat_at = kNever;
  };
  /// Kept over sessions: searching a full pool or writing to a full disk takes time, and a client must not
  /// use it all up by asking again and again.
  struct Refused {
    crypto::PublicKey key;
    /// The last logged message, so that it is logged once.
    protocol::ConfigMessage::Refusal why;
    Pace looks{3, std::chrono::seconds(5)};
  };

  void take_peers();
  [[nodiscard]] std::vector<net::IpAddress> fixed_addresses(const config::PeerConfig& peer) const;
  [[nodiscard]] protocol::ConfigMessage message_for(protocol::PeerId id, const config::PeerConfig& peer,
                                                    Now now);
  [[nodiscard]] std::vector<net::IpPrefix> routes_for(const config::PeerConfig& peer) const;
  void requested(const PushPeer& from, Now now, PushFrames& out);
  void acknowledged(protocol::PeerId id, const protocol::ControlFrame& frame);
  void answer(protocol::PeerId id, Client& client, Now now, PushFrames& out);
  void send(protocol::PeerId id, Client& client, Instant now, PushFrames& out);
  /// Leases for all connected clients in one change of host and tunnel: a change for each would take too
  /// long.
  void lease_to_all(Now now);
  using Grants = std::vector<std::pair<crypto::PublicKey, AddressPool::Grant>>;
  /// `grants`: what is new in `next`, for the log. False if host or tunnel refuse it; then the pool has not
  /// changed.
  [[nodiscard]] bool take_pool(AddressPool next, const Grants& grants, Now now);
  void renew_leases(Now now);
  /// With the times of the wall clock, which the next run begins with.
  bool save(const AddressPool& pool, Now now);
  /// nullptr for a peer that is no longer configured.
  [[nodiscard]] const config::PeerConfig* config_of(const crypto::PublicKey& key) const;
  [[nodiscard]] std::string name_of(const crypto::PublicKey& key) const;

  std::shared_ptr<const config::Config> config_;
  const protocol::Tunnel& tunnel_;
  const Host host_;
  AddressPool pool_;
  std::map<crypto::PublicKey, const config::PeerConfig*> by_key_;
  std::map<protocol::PeerId, Client> clients_;
  std::map<protocol::PeerId, Refused> refused_;
  std::uint64_t serial_ = 0;
  Instant look_at_leases_at_ = kNever;
  Instant saved_{};
  /// Logged once until saving works again.
  bool told_unsaved_ = false;
};

/// The server's configured peers, with fixed and leased addresses as allowed IPs.
[[nodiscard]] std::vector<config::PeerConfig> peers_with(const config::Config& config, const Leases& leases);

}  // namespace tunneld::daemon
