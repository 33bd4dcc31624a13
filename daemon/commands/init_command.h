#pragma once

#include <string>
#include <vector>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

struct InitOptions {
  std::string directory;
  /// The connection's name: its files are NAME.yaml, NAME.key and NAME.psk, and its interface is NAME if that is a
  /// valid name and free.
  std::string name;
};

/// Throws CommandError unless it is a name for files.
void check_connection_name(const std::string& name);
/// Throws CommandError if a connection of this name has files in the directory.
void check_free_files(const std::string& directory, const std::string& name);

/// `tunneld init site`: writes both ends of a link, because they need each other's public keys: DIR/site-a
/// and DIR/site-b, each with its keys and a commented NAME.yaml that passes `tunneld check`. Existing files
/// are not touched, and /etc/tunneld, where an end will be copied to, has none of this name.
[[nodiscard]] ExitCode init_site_to_site(const InitOptions& options);

struct InitServerOptions {
  std::string directory;
  std::string name = "server";
  /// Host and optional port; empty: it is asked for on a terminal, otherwise left out.
  std::string endpoint;
  /// Networks; empty: 10.8.0.0/24 or a random one, and a random IPv6 network (RFC 4193).
  std::vector<std::string> pools;
  /// The interface that leads to the Internet, if clients send all traffic through this server.
  std::string internet;
};

/// `tunneld init server`: DIR/NAME.yaml, NAME.key and an empty folder for `tunneld client add`. Port, interface and
/// networks are free on this host, in /etc/tunneld, in DIR and in the folders beside it.
[[nodiscard]] ExitCode init_server(const InitServerOptions& options);
/// `tunneld init client`: DIR/NAME.yaml and NAME.key, for a client whose key never leaves its host.
[[nodiscard]] ExitCode init_client(const InitOptions& options);

}  // namespace tunneld::daemon
