// The status document (docs/control_socket.md): the daemon makes it, `tunneld status` renders it.
#pragma once

#include <string>

#include "common/json.h"
#include "common/net/tun_device.h"
#include "common/net/udp_socket.h"
#include "common/protocol/tunnel.h"
#include "config/config.h"
#include "daemon/accepted_sources.h"
#include "daemon/tunnel_driver.h"

namespace tunneld::daemon {

/// The sources of a status; all of them outlive the call.
struct StatusSources {
  const config::Config& config;
  const protocol::Tunnel& tunnel;
  const protocol::DataPlane& plane;
  const TunnelDriver& driver;
  const net::TunDevice& device;
  const net::UdpSocket& socket;
  std::string engine;
  std::size_t workers;
  Instant started;
  const AcceptedSources* accepted_sources;  ///< nullptr at a tap
};

[[nodiscard]] Json make_status(const StatusSources& sources);
/// A list of texts, for people: "a, b", or "-" for none.
[[nodiscard]] std::string listed(const Json& words);
/// For people: a line about the interface and a table of peers.
[[nodiscard]] std::string render_status(const Json& status);

}  // namespace tunneld::daemon
