// `tunneld client`: manages who may connect to a server. Each command prints what it did, and changes nothing
// if it fails.
#pragma once

#include <string>
#include <vector>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

/// If it does not exist, the only other server in its directory is used.
inline constexpr const char* kDefaultServerConfig = "/etc/tunneld/server.yaml";

struct ClientAddOptions {
  std::string config = kDefaultServerConfig;
  std::string name;
  /// The server's address for clients, if its configuration does not have it.
  std::string endpoint;
  /// Empty: the lowest free ones.
  std::vector<std::string> addresses;
  /// Empty: a new key is made.
  std::string public_key;
  std::string group;
  /// Empty: a directory named after the client, in the current one.
  std::string directory;
  /// A file for any WireGuard instead of a configuration for tunneld.
  bool wg = false;
  /// The same as a QR code; no file is written unless `directory` is given.
  bool qr = false;
  bool all_traffic = false;
  bool no_preshared_key = false;
};

struct ClientOptions {
  std::string config = kDefaultServerConfig;
  std::string name;
  bool json = false;
};

/// Makes a key for the client, peers.d/NAME.yaml for the server, and the client's own files. The private key
/// is not kept on the server. A running daemon reloads.
[[nodiscard]] ExitCode add_client(const ClientAddOptions& options);
/// Removes peers.d/NAME.yaml and has a running daemon reload: the session ends at once.
[[nodiscard]] ExitCode remove_client(const ClientOptions& options);
/// Lists names, addresses, and from a running daemon the last handshake.
[[nodiscard]] ExitCode list_clients(const ClientOptions& options);
/// `tunneld export NAME`: writes the client's side for wg-quick, as far as the server knows it, to stdout or
/// a new file.
[[nodiscard]] ExitCode export_client(const ClientOptions& options, const std::string& endpoint,
                                     const std::string& output);

}  // namespace tunneld::daemon
