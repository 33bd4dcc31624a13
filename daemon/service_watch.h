// Tells systemd, while the interface runs, that the daemon is alive, and updates the line in `systemctl status`.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/protocol/tunnel.h"
#include "daemon/data_worker.h"
#include "daemon/tunnel_driver.h"
#include "daemon/watchdog.h"

namespace tunneld::daemon {

/// One peer, as far as the line needs it.
struct PeerInBrief {
  std::string_view name;
  bool up = false;
  /// Since the last handshake; nullopt: there was none.
  std::optional<Duration> silent_for{};
};
/// "tun0: 2 of 3 peers connected; office last seen 3 min ago". Names the one of the unconnected peers that was
/// seen last.
[[nodiscard]] std::string status_line(const std::string& interface, const std::vector<PeerInBrief>& peers);

class ServiceWatch {
 public:
  using Workers = std::vector<std::unique_ptr<DataWorker>>;
  /// Sends READY=1. All arguments must outlive it.
  ServiceWatch(boost::asio::io_context& io, std::string interface, const Workers& workers,
               protocol::Tunnel& tunnel, const TunnelDriver& driver);

 private:
  [[nodiscard]] std::string line() const;
  void tell_status();
  void feed();

  std::string interface_;
  const Workers& workers_;
  protocol::Tunnel& tunnel_;
  const TunnelDriver& driver_;
  std::string told_;
  boost::asio::steady_timer status_timer_;
  boost::asio::steady_timer watchdog_timer_;
  std::optional<Watchdog> watchdog_;
};

}  // namespace tunneld::daemon
