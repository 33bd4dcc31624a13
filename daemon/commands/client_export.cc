#include <algorithm>
#include <iostream>

#include <unistd.h>

#include "daemon/commands/client_addresses.h"
#include "daemon/commands/client_commands.h"
#include "daemon/commands/export_command.h"
#include "daemon/commands/new_files.h"
#include "daemon/commands/server_clients.h"

namespace tunneld::daemon {
namespace {

ExitCode write_out(const ClientOptions& options, const std::string& endpoint, const std::string& output) {
  const config::Config server = read_server(options.config);
  const config::PeerConfig* peer = find_peer(server, options.name);
  if (!peer) {
    throw CommandError(ExitCode::kBadUsage, "there is no client called " + config::in_quotes(options.name) +
                                                ": see `tunneld client list`");
  }
  const config::Keys keys = read_keys(server);
  const auto* preshared_key = config::find_preshared_key(keys.preshared_keys, *peer);
  NewClient client{.name = options.name,
                   .addresses = addresses_of(*peer),
                   .private_key = std::nullopt,
                   .preshared_key = preshared_key ? std::optional(preshared_key->clone()) : std::nullopt,
                   .push = peer->push,
                   .all_traffic = false};
  const ServerSide side{server, keys.private_key.public_key(), server_endpoint(server, endpoint)};
  const config::WgQuickText text = client_wg_quick(side, client);
  print_left_out(text);
  if (output.empty()) {
    write_whole(STDOUT_FILENO, text.text, "standard output");
    return ExitCode::kFine;
  }
  NewFiles files;
  files.write(output, text.text);
  files.keep();
  return ExitCode::kFine;
}

}  // namespace

ExitCode export_client(const ClientOptions& options, const std::string& endpoint, const std::string& output) {
  return run_command([&] { return write_out(options, endpoint, output); });
}

}  // namespace tunneld::daemon
