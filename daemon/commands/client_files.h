// The files for a server's client: a configuration for tunneld, or a file for any WireGuard.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/crypto/keys.h"
#include "config/config.h"
#include "config/peer_endpoint.h"
#include "config/wg_quick/wg_quick.h"

namespace tunneld::daemon {

struct NewClient {
  std::string name;
  /// The client's name for the connection to the server: its files are CONNECTION.yaml, .key and .psk.
  std::string connection{};
  /// The client's own addresses; none for a tunneld that gets them from the pool.
  std::vector<net::IpAddress> addresses;
  /// nullopt if the client has made its key itself.
  std::optional<crypto::PrivateKey> private_key;
  std::optional<crypto::PresharedKey> preshared_key;
  /// What the server overrides of its 'push' for this client.
  config::PushConfig push = {};
  /// Everything goes through the tunnel, not only packets for the networks behind the server.
  bool all_traffic = false;
};

/// The settings that all clients have in common.
struct ServerSide {
  const config::Config& config;
  crypto::PublicKey public_key;
  config::PeerEndpoint endpoint;
};

/// The client's configuration, which refers to its keys' files beside it and holds no secret.
[[nodiscard]] std::string client_yaml(const ServerSide& server, const NewClient& client);

/// A file for wg-quick or a phone's WireGuard, with its keys, and what it cannot express.
[[nodiscard]] config::WgQuickText client_wg_quick(const ServerSide& server, const NewClient& client);

}  // namespace tunneld::daemon
