// What a client has taken of its server's configuration: beside its own file, the other thing that decides
// what the host should look like.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/crypto/keys.h"
#include "common/net/ip_address.h"

namespace tunneld::daemon {

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

}  // namespace tunneld::daemon
