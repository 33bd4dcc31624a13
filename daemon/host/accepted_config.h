// The parts of a server's push that a client has accepted. Together with the client's own configuration, they
// determine the desired state of the host.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/crypto/keys.h"
#include "common/net/ip_address.h"

namespace tunneld::daemon {

struct AcceptedConfig {
  /// The server that pushed it; nullopt while nothing has been accepted.
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

}  // namespace tunneld::daemon
