// A server's side of CONFIG: answers clients that ask, and tells them again when something changes.
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
#include <set>
#include <string>
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
  /// What has to be done before an answer may leave, because the answer depends on how it went.
  struct Host {
    /// When it returns, the leases are on disk. Throws what says why not; then the old ones are.
    std::function<void(const std::map<crypto::PublicKey, Lease>&)> save;
    /// Makes the host's access rules those of peers(), or throws: called before a new address can be used.
    std::function<void()> set_rules;
    /// This peer's allowed IPs have changed.
    std::function<void(const config::PeerConfig&)> update_peer;
  };

  /// `config` has a server section; it and `tunnel` outlive this. `leases`: of the run before.
  ServerPush(const config::Config& config, protocol::Tunnel& tunnel, Host host,
             const std::vector<Lease>& leases, Now now);

  void on_event(const PushPeer& from, const protocol::Event& event);
  /// CONFIG_REQUEST and CONFIG_ACK; others are not for this side.
  void on_frame(const PushPeer& from, const protocol::ControlFrame& frame, Now now, PushFrames& out);
  /// When on_timer() is due. Each function above and below may move it.
  [[nodiscard]] Instant deadline() const;
  void on_timer(Now now, PushFrames& out);
  /// The run ends: the leases are saved as they are now.
  void stop(Now now);

  /// The configuration has changed: leases that do not fit any more go. Before the tunnel gets peers().
  /// Returns the leases of before, for go_back().
  AddressPool reconfigure(Now now);
  /// The configuration is the one of before again, and so are the leases.
  void go_back(AddressPool leases, Now now);
  /// Tells connected clients what has changed for them. After the tunnel got peers().
  void push_changes(Now now, PushFrames& out);
  /// The configured peers with their addresses, fixed and leased, as allowed IPs.
  [[nodiscard]] std::vector<config::PeerConfig> peers() const;
  [[nodiscard]] const AddressPool& pool() const { return pool_; }
  /// For status: leases and who has been told.
  [[nodiscard]] Json status(WallTime now) const;

 private:
  struct Client {
    crypto::PublicKey key;
    protocol::ConfigMessage told{};
    bool acknowledged = false;
    unsigned sent = 0;
    /// kNever where it is not repeated.
    Instant repeat_at = kNever;
  };
  /// Kept whatever the session does: to look for an address in a full pool, or to write to a full disk, takes
  /// its time, and a client must not take all of it by asking again and again.
  struct Refused {
    crypto::PublicKey key;
    /// What was logged, so that it is logged once.
    protocol::ConfigMessage::Refusal why;
    Pace looks{3, std::chrono::seconds(5)};
  };

  void take_peers();
  [[nodiscard]] PoolPlan pool_plan() const;
  [[nodiscard]] std::vector<net::IpAddress> fixed_addresses(const config::PeerConfig& peer) const;
  [[nodiscard]] config::PeerConfig with_addresses(const config::PeerConfig& peer) const;
  [[nodiscard]] protocol::ConfigMessage message_for(protocol::PeerId id, const config::PeerConfig& peer,
                                                    Now now);
  [[nodiscard]] std::vector<net::IpPrefix> routes_for(const config::PeerConfig& peer) const;
  void requested(const PushPeer& from, Now now, PushFrames& out);
  void acknowledged(protocol::PeerId id, const protocol::ControlFrame& frame);
  void answer(protocol::PeerId id, Client& client, Now now, PushFrames& out);
  void send(protocol::PeerId id, Client& client, Instant now, PushFrames& out);
  /// The pool becomes `next`: losers lose their addresses, the rules follow, and then `key` may use its own.
  /// False, and the pool as it was, where the rules cannot be set.
  [[nodiscard]] bool take_pool(AddressPool next, const std::vector<crypto::PublicKey>& losers,
                               const crypto::PublicKey& key);
  void update_allowed_ips(const crypto::PublicKey& key);
  void renew_leases(Now now);
  bool save(const AddressPool& pool, WallTime now);
  /// nullptr for a peer that is configured no more.
  [[nodiscard]] const config::PeerConfig* config_of(const crypto::PublicKey& key) const;
  [[nodiscard]] std::string name_of(const crypto::PublicKey& key) const;

  const config::Config& config_;
  protocol::Tunnel& tunnel_;
  const Host host_;
  AddressPool pool_;
  std::map<crypto::PublicKey, const config::PeerConfig*> by_key_;
  std::map<protocol::PeerId, Client> clients_;
  std::map<protocol::PeerId, Refused> refused_;
  std::uint64_t serial_ = 0;
  Instant look_at_leases_at_ = kNever;
  WallTime saved_{};
};

}  // namespace tunneld::daemon
