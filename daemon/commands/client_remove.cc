#include <algorithm>
#include <iostream>

#include "daemon/commands/client_commands.h"
#include "daemon/commands/peer_file.h"
#include "daemon/commands/server_clients.h"

namespace tunneld::daemon {
namespace {

ExitCode remove(const ClientOptions& asked) {
  ClientOptions options = asked;
  options.config = server_configuration(asked.config);
  const PeerFolder folder(options.config);
  const config::Config server = read_server(options.config);
  const config::PeerConfig* peer = find_peer(server, options.name);
  if (!peer) {
    throw CommandError(ExitCode::kBadUsage, "there is no client called " + config::in_quotes(options.name) +
                                                ": see `tunneld client list`");
  }
  const std::string path = folder.yaml_path(options.name);
  const auto peers_of_file =
      std::count_if(server.peers.begin(), server.peers.end(),
                    [&path](const config::PeerConfig& other) { return *other.name.at.file == path; });
  if (*peer->name.at.file != path || peers_of_file != 1) {
    throw CommandError(ExitCode::kBadUsage,
                       options.name + " does not have a file of its own: remove it from " +
                           to_string(peer->name.at) + " by hand and run `tunneld reload`");
  }
  const std::string key_path = folder.preshared_key_path(options.name);
  const std::string other_user = user_of_key_file(server, key_path, options.name);
  const auto key = other_user.empty() ? PeerFolder::KeyFile::kGoes : PeerFolder::KeyFile::kStays;
  if (const std::string problem = folder.remove(options.name, key); !problem.empty())
    std::cerr << "tunneld: warning: " << problem << "\n";
  if (!other_user.empty()) std::cout << "kept " << key_path << ": " << other_user << " uses it\n";
  const std::string& interface = server.interface.name.value;
  Reloaded reloaded{};
  try {
    reloaded = reload_with(interface, peer->public_key.value, false);
  } catch (const CommandError& error) {
    // The client must not come back: the file stays removed, and the error says that the session may go on.
    throw CommandError(error.code(), options.name + " is removed from " + options.config +
                                         " BUT MAY STILL BE CONNECTED; " + error.what());
  }
  std::cout << "removed " << options.name
            << (reloaded == Reloaded::kYes ? ", in effect on " + interface
                                           : "; no tunneld runs on " + interface + " now")
            << "\n";
  return ExitCode::kFine;
}

}  // namespace

ExitCode remove_client(const ClientOptions& options) {
  return run_command([&options] { return remove(options); });
}

}  // namespace tunneld::daemon
