// Decides which parts of a server's configuration a client accepts. Pure: the message and our own configuration
// in, a decision and texts for the log out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/protocol/config_message.h"
#include "config/config.h"
#include "daemon/host/accepted_config.h"
#include "daemon/host/host_networks.h"

namespace tunneld::daemon {

struct Acceptance {
  AcceptedConfig accepted;
  /// Refused items with their reasons, one each: "route 0.0.0.0/0 (accept.default_route is false)".
  std::vector<std::string> refused;
};

/// `server`: the peer that has sent the message. `endpoints`: known addresses of servers; a route to one of them
/// would send the tunnel's own packets into the tunnel. `host`: networks that must stay reachable. Precondition:
/// config.client is set.
[[nodiscard]] Acceptance decide(const protocol::ConfigMessage& message, const config::Config& config,
                                const crypto::PublicKey& server, const std::vector<net::IpAddress>& endpoints,
                                const HostNetworks& host = {});

}  // namespace tunneld::daemon
