// `tunneld init server` and `init client`.

#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <vector>

#include <net/if.h>
#include <unistd.h>

#include "common/crypto/keys.h"
#include "config/peer_endpoint.h"
#include "config/scalars.h"
#include "config/yaml_writer.h"
#include "daemon/commands/init_command.h"
#include "daemon/commands/new_files.h"
#include "daemon/commands/server_clients.h"
#include "daemon/commands/taken.h"

namespace tunneld::daemon {
namespace {

constexpr const char* kExampleEndpoint = "vpn.example.org";
constexpr const char* kUsualName = "server";
/// For clients, if this host's own resolver answers only this host.
constexpr const char* kPublicResolver = "9.9.9.9";

/// A random private network (RFC 4193 section 3.2): two sites that are joined later will hardly have the same
/// one.
net::IpPrefix random_ula() {
  std::array<std::uint8_t, 16> bytes{};
  bytes[0] = 0xfd;
  crypto::random_bytes(std::span(bytes).subspan(1, 5));
  return {net::IpAddress::v6(bytes), 64};
}

/// 10.8.0.0/24 of the first server, which documents can name. Every other one has a random network that nothing
/// on this host has: a client of two servers, or a server that is a client elsewhere, needs them to differ.
net::IpPrefix free_pool(const Taken& taken, const std::string& name) {
  constexpr unsigned kTries = 256;
  std::vector<net::IpPrefix> candidates;
  if (name == kUsualName) candidates.push_back(*net::IpPrefix::parse("10.8.0.0/24"));
  for (unsigned n = 0; n < kTries; ++n) {
    std::array<std::uint8_t, 4> bytes{};
    crypto::random_bytes(std::span(bytes).subspan(1, 2));
    bytes[0] = 10;
    bytes[1] = static_cast<std::uint8_t>(64U | (bytes[1] & 63U));  // 10.64.0.0/10: few have theirs there
    candidates.push_back({net::IpAddress::v4(bytes), 24});
  }
  return free_network(taken, candidates);
}

std::vector<net::IpPrefix> pools(const InitServerOptions& options, const Taken& taken) {
  if (options.pools.empty()) return {free_pool(taken, options.name), random_ula()};
  std::vector<net::IpPrefix> out;
  for (const std::string& text : options.pools) {
    const auto pool = net::IpPrefix::parse(text);
    const unsigned bits = pool ? net::address_bits(pool->address.family()) : 0;
    if (!pool || pool->has_host_bits() || pool->length > bits - 2) {
      throw CommandError(ExitCode::kBadUsage,
                         "--pool " + config::in_quotes(text) + " is not a network like 10.8.0.0/24");
    }
    out.push_back(*pool);
  }
  return out;
}

/// The server has the first address of each pool.
net::IpPrefix first_address(const net::IpPrefix& pool) {
  std::array<std::uint8_t, 16> bytes{};
  const ByteView network = pool.address.bytes();
  std::copy(network.begin(), network.end(), bytes.begin());
  ++bytes[network.size() - 1];
  return {pool.address.is_v4() ? net::IpAddress::v4(std::span(bytes).first<4>()) : net::IpAddress::v6(bytes),
          pool.length};
}

/// The resolvers that this host asks, as far as clients can ask them through it.
std::vector<net::IpAddress> resolvers() {
  std::vector<net::IpAddress> found;
  // systemd-resolved names itself in the second one.
  for (const char* path : {"/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"}) {
    std::ifstream file(path);
    for (std::string line; found.empty() && std::getline(file, line);) {
      std::istringstream words(line);
      std::string key;
      std::string value;
      if (!(words >> key >> value) || key != "nameserver") continue;
      const auto address = net::IpAddress::parse(value);
      const bool is_usable = address && !net::IpPrefix::parse("127.0.0.0/8")->contains(*address) &&
                             !net::IpPrefix::parse("::/127")->contains(*address) &&
                             !net::IpPrefix::parse("fe80::/10")->contains(*address);
      if (is_usable) found.push_back(*address);
    }
  }
  return found;
}

struct NewServer {
  std::string name;
  std::string interface;
  std::vector<net::IpPrefix> pools;
  std::optional<config::PeerEndpoint> endpoint{};
  std::uint16_t port;
  std::string folder;    ///< of its clients
  std::string internet;  ///< the interface that leads there, if clients send everything
  /// This host's own that clients can ask through it; empty if there is none.
  std::vector<net::IpAddress> resolvers{};
};

/// What clients of a full tunnel ask, as a list.
std::string resolvers_of(const NewServer& server) {
  std::string words;
  for (const net::IpAddress& address : server.resolvers)
    words += (words.empty() ? "" : ", ") + address.to_string();
  return words.empty() ? kPublicResolver : words;
}

/// What a server tells its clients and does for them.
std::string push_yaml(const NewServer& server) {
  if (server.internet.empty()) {
    return "  # What clients are told, besides their addresses:\n"
           "  # push:\n"
           "  #   routes: [192.168.10.0/24]     # networks that they reach through this server\n"
           "  #   dns: { servers: [192.168.10.1], search: [corp.example] }\n"
           "  #   keepalive: 25s\n"
           "  # To reach them, this host must forward; masquerade if they have no route back to the "
           "clients:\n"
           "  # forwarding: { enabled: true, masquerade: eth0 }\n";
  }
  std::string servers;
  for (const net::IpAddress& address : server.resolvers)
    servers += (servers.empty() ? "" : ", ") + config::yaml_scalar(address.to_string());
  if (servers.empty()) servers = config::yaml_scalar(kPublicResolver);
  return "  # Clients that accept it send everything through this server (`tunneld client add NAME "
         "--all-traffic`).\n"
         "  push:\n"
         "    routes: [0.0.0.0/0, \"::/0\"]\n"
         "    dns: { servers: [" +
         servers +
         "] }     # what clients ask for names, through the tunnel\n"
         "  # As long as this server runs, it forwards their packets with its own address (masquerade).\n"
         "  forwarding: { enabled: true, masquerade: " +
         config::yaml_scalar(server.internet) + " }\n";
}

std::string endpoint_yaml(const NewServer& server) {
  const char* const words = "     # where clients reach it; `client add` writes it into their files\n";
  if (server.endpoint) return "  endpoint: " + config::yaml_scalar(server.endpoint->to_string()) + words;
  return std::string("  # endpoint: ") + kExampleEndpoint + ':' + std::to_string(server.port) + words;
}

std::string server_yaml(const NewServer& server) {
  std::string addresses;
  std::string networks;
  for (const net::IpPrefix& pool : server.pools) {
    networks += (networks.empty() ? "" : ", ") + config::yaml_scalar(pool.to_string());
    addresses += (addresses.empty() ? "" : ", ") + config::yaml_scalar(first_address(pool).to_string());
  }
  const std::string file = server.name + ".yaml";
  std::ostringstream text;
  text << "# A server: clients call it and get addresses of its network. Every option is in docs/config.md.\n"
       << "#   tunneld client add NAME --config " << file << "     lets a client in\n"
       << "#   tunneld check --config " << file << " && tunneld --config " << file << "\n"
       << "interface:\n"
       << "  name: " << config::yaml_scalar(server.interface) << "\n"
       << "  addresses: [" << addresses << "]     # its own\n"
       << "  listen_port: " << server.port << "     # UDP; open it in the firewall\n"
       << "  private_key_file: " << config::yaml_scalar(server.name + ".key") << "\n"
       << "server:\n"
       << endpoint_yaml(server) << "  pool: [" << networks << "]     # addresses for clients\n"
       << "  client_to_client: false     # whether clients reach each other; takes 'forwarding' as well\n"
       << push_yaml(server) << "\n"
       << "# One file for each client, by `tunneld client add`.\n"
       << "include: [" << config::yaml_scalar(server.folder + "/*.yaml") << "]\n";
  return text.str();
}

std::string client_yaml(const InitOptions& options, const std::string& interface,
                        const crypto::PublicKey& example) {
  const std::string file = options.name + ".yaml";
  std::ostringstream text;
  text << "# A client, which calls its server. Easier: `tunneld client add NAME` on the server writes this "
          "file.\n"
       << "# Replace what is marked as an example, then:\n"
       << "#   tunneld check --config " << file << " && tunneld --config " << file << "\n"
       << "interface:\n"
       << "  name: " << config::yaml_scalar(interface) << "\n"
       << "  private_key_file: " << config::yaml_scalar(options.name + ".key") << "\n"
       << "client: {}     # takes addresses, routes and DNS from its server\n"
       << "peers:\n"
       << "  - name: server\n"
       << "    public_key: \"" << example.to_base64() << "\"     # example: the server's\n"
       << "    endpoints: [\"" << kExampleEndpoint << ":51820\"]     # example: the server's\n";
  return text.str();
}

/// Asks for it on a terminal; empty where nobody can answer.
std::string ask_for_endpoint() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) return {};
  std::cerr << "Name or address at which clients reach this server, like vpn.example.org: ";
  std::string endpoint;
  std::getline(std::cin, endpoint);
  return endpoint;
}

void check_internet(const std::string& interface) {
  if (interface.empty() || ::if_nametoindex(interface.c_str()) != 0) return;
  throw CommandError(ExitCode::kBadUsage, "--internet: this host has no interface " +
                                              config::in_quotes(interface) +
                                              "; `ip route show default` names the right one after 'dev'");
}

/// As it was given, or else as somebody says who is asked.
std::optional<config::PeerEndpoint> endpoint_of(const InitServerOptions& options, std::uint16_t port) {
  const std::string given = options.endpoint.empty() ? ask_for_endpoint() : options.endpoint;
  if (given.empty()) return std::nullopt;
  config::Config defaults;
  defaults.interface.listen_port = port;
  return server_endpoint(defaults, given);
}

void report_server(const NewServer& server, const std::string& path) {
  if (!server.endpoint) {
    std::cout << std::flush;
    std::cerr << "tunneld: warning: --endpoint is missing, so no client can be added yet: set 'endpoint' in "
              << path << " to the name or address at which clients reach this server.\n";
  }
  if (!server.internet.empty()) {
    std::cout << "Clients that send all traffic here use the name servers " << resolvers_of(server) << " ("
              << (server.resolvers.empty() ? "public, because this host's own answer this host only"
                                           : "as this host does")
              << "); to change them, edit 'push.dns' in " << path << ".\n";
  }
  std::cout << "next: tunneld client add NAME --config " << path << "\n";
}

ExitCode write_server(const InitServerOptions& options) {
  check_connection_name(options.name);
  check_internet(options.internet);
  // Before the question.
  check_free_files(options.directory, options.name);
  const std::filesystem::path directory(options.directory);
  Taken taken = all_taken(options.directory);
  // Others that `init` has made here: nothing else knows them before their first start.
  taken.add_neighbours(options.directory);
  const std::uint16_t port = free_port(taken);
  NewServer server{.name = options.name,
                   .interface = free_interface(taken, options.name),
                   .pools = pools(options, taken),
                   .endpoint = endpoint_of(options, port),
                   .port = port,
                   .folder = options.name == kUsualName ? "peers.d" : options.name + ".d",
                   .internet = options.internet,
                   .resolvers = resolvers()};
  if (server.endpoint) server.port = server.endpoint->port;
  if (taken.ports.contains(server.port)) {
    std::cerr << "tunneld: warning: UDP port " << server.port << " is taken by "
              << taken.user_of_port(server.port) << ": set 'listen_port' to another before the start\n";
  }
  NewFiles files;
  files.make_directory(options.directory);
  files.make_directory((directory / server.folder).string());
  write_key(files, (directory / (options.name + ".key")).string(), crypto::PrivateKey::generate());
  const std::string path = (directory / (options.name + ".yaml")).string();
  files.write(path, server_yaml(server));
  for (const std::string& file : files.paths()) std::cout << "wrote " << file << "\n";
  files.keep();
  report_server(server, path);
  return ExitCode::kFine;
}

ExitCode write_client(const InitOptions& options) {
  check_connection_name(options.name);
  check_free_files(options.directory, options.name);
  const Taken taken = all_taken(options.directory);
  NewFiles files;
  files.make_directory(options.directory);
  const std::filesystem::path folder(options.directory);
  const crypto::PrivateKey key = crypto::PrivateKey::generate();
  write_key(files, (folder / (options.name + ".key")).string(), key);
  files.write(
      (folder / (options.name + ".yaml")).string(),
      client_yaml(options, free_interface(taken, options.name), crypto::PrivateKey::generate().public_key()));
  for (const std::string& file : files.paths()) std::cout << "wrote " << file << "\n";
  files.keep();
  std::cout << "On the server: tunneld client add NAME --public-key " << key.public_key().to_base64() << "\n"
            << "Then replace the examples by what it prints.\n";
  return ExitCode::kFine;
}

}  // namespace

ExitCode init_server(const InitServerOptions& options) {
  return run_command([&options] { return write_server(options); });
}

ExitCode init_client(const InitOptions& options) {
  return run_command([&options] { return write_client(options); });
}

}  // namespace tunneld::daemon
