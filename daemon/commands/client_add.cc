#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>
#include <system_error>

#include <unistd.h>

#include "config/names.h"
#include "config/yaml_writer.h"
#include "daemon/commands/client_addresses.h"
#include "daemon/commands/client_commands.h"
#include "daemon/commands/export_command.h"
#include "daemon/commands/new_files.h"
#include "daemon/commands/peer_file.h"
#include "daemon/commands/qr_code.h"
#include "daemon/commands/server_clients.h"
#include "daemon/host/state_directory.h"
#include "daemon/lease_store.h"

namespace tunneld::daemon {
namespace {

/// The client's name for the connection to the server. The name "server" would say nothing.
std::string connection_of(const std::string& config) {
  const std::string server = std::filesystem::path(config).stem().string();
  return server == "server" ? "client" : server;
}

/// wg-quick names the interface after the file.
std::string wg_quick_file(const std::string& connection) {
  return (connection == "client" || !config::is_device_name(connection) ? "wg0" : connection) + ".conf";
}

void check_name(const std::string& name, const config::Config& server, const PeerFolder& folder) {
  if (!config::is_peer_name(name)) {
    throw CommandError(ExitCode::kBadUsage, "a client's name has " + std::string(config::kExpectedPeerName));
  }
  if (const config::PeerConfig* peer = find_peer(server, name)) {
    throw CommandError(ExitCode::kBadUsage, name + " already exists, in " + to_string(peer->name.at) +
                                                ": choose another name, or run `tunneld client remove " +
                                                name + "` first");
  }
  // A former peer of this name may have left it.
  const std::string key_path = folder.preshared_key_path(name);
  if (const std::string user = user_of_key_file(server, key_path, name); !user.empty()) {
    throw CommandError(ExitCode::kBadUsage,
                       key_path + " is the key of " + user + ": choose another name, or rename that file");
  }
}

/// A running daemon would take them from their clients if necessary; it is better not to use them.
std::set<net::IpAddress> leased_addresses(const std::string& interface) {
  std::set<net::IpAddress> addresses;
  try {
    for (const Lease& lease : LeaseStore(leases_path(interface)).load())
      addresses.insert(lease.addresses.begin(), lease.addresses.end());
  } catch (const std::exception& error) {
    std::cerr << "tunneld: warning: leases are ignored: " << error.what() << "\n";
  }
  return addresses;
}

std::vector<net::IpAddress> choose_addresses(const ClientAddOptions& options, const config::Config& server) {
  std::vector<net::IpAddress> addresses;
  for (const std::string& text : options.addresses) {
    const auto address = net::IpAddress::parse(text);
    if (!address) {
      throw CommandError(ExitCode::kBadUsage,
                         "--address " + config::in_quotes(text) + " is not an address like 10.8.0.7");
    }
    addresses.push_back(*address);
  }
  const auto networks = client_networks(server);
  for (const net::IpAddress& address : addresses) {
    const auto is_around = [&address](const auto& network) { return network.contains(address); };
    if (std::none_of(networks.begin(), networks.end(), is_around)) {
      throw CommandError(ExitCode::kBadUsage,
                         "--address " + address.to_string() +
                             " is in none of the networks that this server gives addresses from");
    }
    for (const auto& own : server.interface.addresses) {
      if (own.value.address == address) {
        throw CommandError(ExitCode::kBadUsage, "--address " + address.to_string() + " is the server's own");
      }
    }
  }
  // A tunneld requests its address; another WireGuard cannot.
  const bool asks = !options.wg && !options.qr && !server.server->value.pool.empty();
  if (addresses.empty() && asks) return {};
  if (addresses.empty()) addresses = free_addresses(server, leased_addresses(server.interface.name.value));
  if (addresses.empty()) {
    throw CommandError(ExitCode::kRuntimeFailure,
                       networks.empty() ? "the server has no network to give addresses from: set 'pool' in "
                                          "'server' to one like 10.8.0.0/24"
                                        : "no address is free: remove clients, or use a larger "
                                          "network");
  }
  return addresses;
}

std::string peer_yaml(const NewClient& client, const crypto::PublicKey& key,
                      const ClientAddOptions& options) {
  std::string addresses;
  for (const net::IpAddress& address : client.addresses)
    addresses += (addresses.empty() ? "" : ", ") + config::yaml_scalar(address.to_string());
  std::string out = "# By `tunneld client add`. Changes take effect with `tunneld reload`.\npeers:\n";
  out += "  - name: " + config::yaml_scalar(client.name) + '\n';
  out += "    public_key: " + config::yaml_scalar(key.to_base64()) + '\n';
  if (client.preshared_key)
    out += "    preshared_key_file: " + config::yaml_scalar(client.name + ".psk") + '\n';
  if (!options.group.empty()) out += "    group: " + config::yaml_scalar(options.group) + '\n';
  if (!addresses.empty()) out += "    address: [" + addresses + "]\n";
  return out;
}

/// Throws CommandError if the configuration would be wrong with the new file.
void check_with(const ClientAddOptions& options, const std::string& path, const std::string& yaml) {
  const config::ParseResult with = config::parse_file(options.config, {path, yaml});
  if (!with.config) {
    std::string words = to_string(with.diagnostics);
    if (words.ends_with('\n')) words.pop_back();
    throw CommandError(ExitCode::kBadUsage, words);
  }
  if (find_peer(*with.config, options.name)) return;
  throw CommandError(ExitCode::kBadUsage,
                     options.config + " does not include " + path + ": add a line 'include: [" +
                         std::filesystem::path(path).parent_path().filename().string() + "/*.yaml]'");
}

/// Writes the client's own files; none if everything goes into a QR code.
void write_client(NewFiles& files, const ClientAddOptions& options, const ServerSide& server,
                  const NewClient& client, std::string_view wg_quick) {
  if (options.qr && options.directory.empty()) return;
  const std::filesystem::path directory(options.directory.empty() ? options.name : options.directory);
  files.make_directory(directory.string());
  if (options.wg || options.qr) {
    files.write((directory / wg_quick_file(client.connection)).string(), wg_quick);
    return;
  }
  const std::string path = (directory / client.connection).string();
  if (client.private_key) write_key(files, path + ".key", *client.private_key);
  if (client.preshared_key) write_key(files, path + ".psk", *client.preshared_key);
  files.write(path + ".yaml", client_yaml(server, client));
}

void report(const ClientAddOptions& options, const NewClient& client, const NewFiles& files,
            Reloaded reloaded, const std::string& interface) {
  std::cout << "added " << client.name << ":";
  for (const net::IpAddress& address : client.addresses) std::cout << ' ' << address.to_string();
  if (client.addresses.empty()) std::cout << " an address from the pool when it connects";
  std::cout << (reloaded == Reloaded::kYes
                    ? ", in effect on " + interface
                    : "; no tunneld runs on " + interface + " now: it takes effect at the next start")
            << "\n";
  for (const std::string& path : files.paths()) std::cout << "wrote " << path << "\n";
  if (!files.paths().empty()) {
    std::cout << "Move " << (files.paths().size() == 1 ? "it" : "them") << " to " << client.name
              << (client.private_key ? ": this is the only copy of its private key.\n" : ".\n");
  }
  if (options.qr && !client.private_key) {
    std::cout << "The QR code lacks the private key, which only " << client.name << " has.\n";
  }
  std::cout.flush();
}

/// Warns of settings that the server lacks to carry all traffic of this client.
void warn_of_missing(const ClientAddOptions& options, const config::ServerConfig& server) {
  std::vector<std::string> missing;
  const auto& routes = server.push.routes;
  for (const char* all : {"0.0.0.0/0", "::/0"}) {
    const bool is_pushed = routes && std::ranges::any_of(*routes, [all](const auto& route) {
                             return route.value == net::IpPrefix::parse(all);
                           });
    // A file for another WireGuard contains them in any case.
    if (!is_pushed && !options.wg && !options.qr)
      missing.push_back(config::in_quotes(all) + " in 'push.routes', so that the client gets the route");
  }
  if (!server.push.dns || server.push.dns->servers.empty())
    missing.emplace_back("'push.dns', because its own name servers may not answer from here");
  if (!server.forwarding.enabled)
    missing.emplace_back(
        "'forwarding: { enabled: true, masquerade: eth0 }', with the interface that leads to the Internet");
  else if (server.forwarding.masquerade.empty())
    missing.emplace_back("'forwarding.masquerade', unless the Internet has a route back to the clients");
  if (missing.empty()) return;
  std::cerr << "tunneld: warning: --all-traffic needs settings that are missing in section 'server' of "
            << options.config << ":\n";
  for (const std::string& one : missing) std::cerr << "  - " << one << "\n";
  std::cerr << "Add them, then run `tunneld reload`. `tunneld init server --internet` writes all of them.\n";
}

/// After a failure: restores the configuration, and has the daemon follow if possible.
void take_back(const PeerFolder& folder, const std::string& name, const std::string& interface,
               const crypto::PublicKey& key) {
  try {
    (void)folder.remove(name, PeerFolder::KeyFile::kGoes);
    (void)reload_with(interface, key, false);
  } catch (const std::exception& error) {
    std::cerr << "tunneld: cannot undo the changes for " << name << ": " << error.what() << "\n";
  }
}

ExitCode add(const ClientAddOptions& asked) {
  ClientAddOptions options = asked;
  options.config = server_configuration(asked.config);
  const PeerFolder folder(options.config);
  const config::Config server = read_server(options.config);
  check_name(options.name, server, folder);
  const config::PeerEndpoint endpoint = server_endpoint(server, options.endpoint);
  const config::Keys keys = read_keys(server);

  NewClient client{.name = options.name,
                   .connection = connection_of(options.config),
                   .addresses = choose_addresses(options, server),
                   .private_key = std::nullopt,
                   .preshared_key = std::nullopt,
                   .push = {},
                   .all_traffic = options.all_traffic};
  if (options.public_key.empty()) client.private_key = crypto::PrivateKey::generate();
  const auto key = client.private_key ? std::optional(client.private_key->public_key())
                                      : crypto::PublicKey::from_base64(options.public_key);
  if (!key) {
    throw CommandError(ExitCode::kBadUsage,
                       "--public-key takes 44 characters of base64, as `tunneld pubkey` prints");
  }
  if (!options.no_preshared_key) client.preshared_key = crypto::PresharedKey::generate();

  const std::string yaml = peer_yaml(client, *key, options);
  check_with(options, folder.yaml_path(options.name), yaml);
  const ServerSide side{server, keys.private_key.public_key(), endpoint};
  const config::WgQuickText wg_quick = client_wg_quick(side, client);
  const crypto::SecretText qr = options.qr ? qr_for_terminal(wg_quick.text) : crypto::SecretText();
  if (options.wg || options.qr) print_left_out(wg_quick);

  NewFiles secrets;
  NewFiles files;
  write_client(files, options, side, client, wg_quick.text);
  secrets.make_directory(folder.path());
  folder.drop_leftovers(options.name);
  if (client.preshared_key)
    write_key(secrets, folder.preshared_key_path(options.name), *client.preshared_key);
  folder.publish(options.name, yaml);
  const std::string& interface = server.interface.name.value;
  try {
    report(options, client, files, reload_with(interface, *key, true), interface);
    // If the code was not shown, nobody has the key.
    if (options.qr) write_whole(STDOUT_FILENO, qr, "standard output");
  } catch (...) {
    take_back(folder, options.name, interface, *key);
    throw;
  }
  secrets.keep();
  files.keep();
  if (options.all_traffic) warn_of_missing(options, server.server->value);
  return ExitCode::kFine;
}

}  // namespace

ExitCode add_client(const ClientAddOptions& options) {
  return run_command([&options] { return add(options); });
}

}  // namespace tunneld::daemon
