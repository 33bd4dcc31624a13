// The status document (docs/control_socket.md): made by the daemon, rendered by `tunneld status`.
#pragma once

#include <string>

#include "common/json.h"
#include "common/net/tun_device.h"
#include "common/net/udp_socket.h"
#include "common/protocol/tunnel.h"
#include "config/config.h"
#include "daemon/tunnel_driver.h"

namespace tunneld::daemon {

/// What a status is made from; all of it outlives the call.
struct StatusSources {
  const config::Config& config;
  protocol::Tunnel& tunnel;
  const protocol::DataPlane& plane;
  const TunnelDriver& driver;
  const net::TunDevice& device;
  const net::UdpSocket& socket;
  std::string engine;
  std::size_t workers;
  Instant started;
};

[[nodiscard]] Json make_status(const StatusSources& sources);
/// For people: a line about the interface and a table of peers.
[[nodiscard]] std::string render_status(const Json& status);

}  // namespace tunneld::daemon
