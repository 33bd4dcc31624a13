#pragma once

#include <string>
#include <vector>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

/// `tunneld init site`: writes both ends of a link, because they need each other's public keys: DIR/site-a
/// and DIR/site-b, each with its keys and a commented site.yaml that passes `tunneld check`. Existing files
/// are not touched.
[[nodiscard]] ExitCode init_site_to_site(const std::string& directory);

struct InitServerOptions {
  std::string directory;
  /// Host and optional port; empty: an example to be replaced.
  std::string endpoint;
  /// Networks; empty: 10.8.0.0/24 and a random IPv6 network (RFC 4193).
  std::vector<std::string> pools;
};

/// `tunneld init server`: DIR/server.yaml, server.key and an empty peers.d for `tunneld client add`.
[[nodiscard]] ExitCode init_server(const InitServerOptions& options);
/// `tunneld init client`: DIR/client.yaml and private.key, for a client whose key never leaves its host.
[[nodiscard]] ExitCode init_client(const std::string& directory);

}  // namespace tunneld::daemon
