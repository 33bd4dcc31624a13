// What of a server's configuration a client takes. Pure: the message and our own configuration in, a decision
// and words for the log out.
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
  /// What is not taken and why, one piece each: "route 0.0.0.0/0 (accept.default_route is false)".
  std::vector<std::string> refused;
};

/// `server`: the peer that sent it. `endpoints`: where servers are known to be; a route to one of them would
/// lead the tunnel into itself. `host`: what must stay beside it. Precondition: config.client is set.
[[nodiscard]] Acceptance decide(const protocol::ConfigMessage& message, const config::Config& config,
                                const crypto::PublicKey& server, const std::vector<net::IpAddress>& endpoints,
                                const HostNetworks& host = {});

}  // namespace tunneld::daemon
