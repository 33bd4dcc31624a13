// Connects the sans-IO sides of a push (daemon/push) to the running daemon: frames and events come from the
// tunnel driver and go back to it, deadlines become a timer, and leases a file.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/io_context.hpp>

#include "common/json.h"
#include "config/config.h"
#include "daemon/handover.h"
#include "daemon/host/alarm_clock.h"
#include "daemon/lease_store.h"
#include "daemon/push/client_push.h"
#include "daemon/push/server_push.h"
#include "daemon/tunnel_driver.h"

namespace tunneld::daemon {

/// Sends the frames of one side, and wakes it when its deadline has come.
class PushTimer {
 public:
  PushTimer(boost::asio::io_context& io, TunnelDriver& driver, std::function<void()> due)
      : driver_(driver), due_(std::move(due)), alarm_(LoopClock(io).alarm()) {}
  void follow(const PushFrames& frames, Instant deadline);
  /// Runs `call`, which calls `side`, and sends the resulting frames.
  template <typename Side, typename Call>
  void call(const Side& side, const Call& call) {
    PushFrames frames;
    call(frames);
    follow(frames, side.deadline());
  }

 private:
  TunnelDriver& driver_;
  const std::function<void()> due_;
  const std::unique_ptr<Alarm> alarm_;
};

class ServerPushEdge {
 public:
  /// Reads the leases. `config` has a server section; the others outlive this. `take`: see ServerPush::Host.
  /// Throws LeaseStoreError, std::system_error.
  ServerPushEdge(boost::asio::io_context& io, std::shared_ptr<const config::Config> config,
                 const protocol::Tunnel& tunnel, TunnelDriver& driver,
                 std::function<void(const Leases&)> take);
  ~ServerPushEdge();
  ServerPushEdge(const ServerPushEdge&) = delete;
  ServerPushEdge& operator=(const ServerPushEdge&) = delete;

  // As those of ServerPush.
  [[nodiscard]] const Leases& leases() const { return push_.pool().leases(); }
  [[nodiscard]] AddressPool pool_for(const config::Config& next) const { return push_.pool_for(next); }
  void reconfigured(std::shared_ptr<const config::Config> config, AddressPool pool);
  [[nodiscard]] Json status() const;

 private:
  void due();

  LeaseStore store_;
  ServerPush push_;
  PushTimer timer_;
};

class ClientPushEdge {
 public:
  /// `config` has a client section; the others outlive this. `apply`: see ClientPush::Host.
  ClientPushEdge(boost::asio::io_context& io, const std::shared_ptr<const config::Config>& config,
                 const protocol::Tunnel& tunnel, TunnelDriver& driver,
                 std::function<std::optional<ClientPush::Refusal>(const AcceptedConfig&)> apply);
  ClientPushEdge(const ClientPushEdge&) = delete;
  ClientPushEdge& operator=(const ClientPushEdge&) = delete;

  // As those of ClientPush.
  [[nodiscard]] std::optional<Handover::Configuration> configuration() const;
  void resume(const Handover::Configuration& before);
  [[nodiscard]] ClientPush::Held held_for(const config::Config& next) const;
  void reconfigured(std::shared_ptr<const config::Config> config, ClientPush::Held held);
  void host_changed();
  [[nodiscard]] Json status() const { return push_.status(); }

 private:
  void due();

  ClientPush push_;
  PushTimer timer_;
};

}  // namespace tunneld::daemon
