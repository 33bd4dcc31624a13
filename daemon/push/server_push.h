// A server's side of CONFIG: answers clients that ask, and tells them again when something changes.
//
// Addresses come from the pool, fixed ones from the configuration. A new lease is on disk before its client
// hears of it, and the client's allowed IPs follow at the same moment. A CONFIG is repeated until it is
// acknowledged, five times at most; a client that still wants it asks again.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/json.h"
#include "common/pace.h"
#include "common/protocol/config_message.h"
#include "config/config.h"
#include "daemon/lease_store.h"
#include "daemon/push/address_pool.h"
#include "daemon/tunnel_driver.h"

namespace tunneld::daemon {

class ServerPush {
 public:
  /// Reads the leases. `config` has a server section; it and the others outlive this. `set_rules` makes the
  /// host's access rules those of peers(), or throws: it is called before a new address can be used. Throws
  /// LeaseStoreError, std::system_error.
  ServerPush(boost::asio::io_context& io, const config::Config& config, protocol::Tunnel& tunnel,
             TunnelDriver& driver, std::function<void()> set_rules);
  ~ServerPush();
  ServerPush(const ServerPush&) = delete;
  ServerPush& operator=(const ServerPush&) = delete;

  /// The configuration has changed: leases that do not fit any more go. Before the driver gets peers().
  /// Returns the leases of before, for go_back().
  AddressPool reconfigure();
  /// The configuration is the one of before again, and so are the leases.
  void go_back(AddressPool leases);
  /// Tells connected clients what has changed for them. After the driver got peers().
  void push_changes();
  /// The configured peers with their addresses, fixed and leased, as allowed IPs.
  [[nodiscard]] std::vector<config::PeerConfig> peers() const;
  /// For status: leases and who has been told.
  [[nodiscard]] Json status() const;

 private:
  struct Client {
    explicit Client(boost::asio::io_context& io) : repeat(io) {}
    protocol::ConfigMessage told;
    bool acknowledged = false;
    unsigned sent = 0;
    boost::asio::steady_timer repeat;
  };
  /// Kept whatever the session does: to look for an address in a full pool, or to write to a full disk, takes
  /// its time, and a client must not take all of it by asking again and again.
  struct Refused {
    /// What was logged, so that it is logged once.
    protocol::ConfigMessage::Refusal why;
    Pace looks{3, std::chrono::seconds(5)};
  };

  void take_peers();
  [[nodiscard]] PoolPlan pool_plan() const;
  [[nodiscard]] std::vector<net::IpAddress> fixed_addresses(const config::PeerConfig& peer) const;
  [[nodiscard]] config::PeerConfig with_addresses(const config::PeerConfig& peer) const;
  [[nodiscard]] protocol::ConfigMessage message_for(protocol::PeerId id, const config::PeerConfig& peer);
  [[nodiscard]] std::vector<net::IpPrefix> routes_for(const config::PeerConfig& peer) const;
  void requested(protocol::PeerId id);
  void acknowledged(protocol::PeerId id, const protocol::ControlFrame& frame);
  void answer(protocol::PeerId id, const config::PeerConfig& peer, Client& client);
  void send(protocol::PeerId id, Client& client);
  /// The pool becomes `next`: losers lose their addresses, the rules follow, and then `key` may use its own.
  /// False, and the pool as it was, where the rules cannot be set.
  [[nodiscard]] bool take_pool(AddressPool next, const std::vector<crypto::PublicKey>& losers,
                               const crypto::PublicKey& key);
  void update_allowed_ips(const crypto::PublicKey& key);
  void wait_for_minute();
  void renew_leases();
  bool save(const AddressPool& pool);
  [[nodiscard]] const config::PeerConfig* config_of(protocol::PeerId id) const;

  boost::asio::io_context& io_;
  const config::Config& config_;
  protocol::Tunnel& tunnel_;
  TunnelDriver& driver_;
  const std::function<void()> set_rules_;
  LeaseStore store_;
  AddressPool pool_;
  std::map<crypto::PublicKey, const config::PeerConfig*> by_key_;
  std::map<protocol::PeerId, std::unique_ptr<Client>> clients_;
  std::map<protocol::PeerId, Refused> refused_;
  std::uint64_t serial_ = 0;
  boost::asio::steady_timer minute_;
  WallTime saved_{};
};

}  // namespace tunneld::daemon
