// What of a server's configuration a client takes. Pure: the message and our own configuration in, a decision
// and words for the log out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/protocol/config_message.h"
#include "config/config.h"
#include "daemon/host_networks.h"

namespace tunneld::daemon {

/// What is taken, and goes onto the host.
struct AcceptedConfig {
  /// Whose it is; nullopt while there is none.
  std::optional<crypto::PublicKey> server;
  std::vector<net::IpAddress> addresses;
  /// They extend the server's allowed IPs as well.
  std::vector<net::IpPrefix> routes;
  std::vector<net::IpAddress> dns_servers;
  std::vector<std::string> dns_search;
  std::optional<std::uint32_t> mtu;
  /// Zero turns it off.
  std::optional<Duration> keepalive;
  bool operator==(const AcceptedConfig&) const = default;
};

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
