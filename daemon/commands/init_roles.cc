// `tunneld init server` and `init client`.

#include <filesystem>
#include <iostream>
#include <sstream>

#include "common/crypto/keys.h"
#include "config/peer_endpoint.h"
#include "config/scalars.h"
#include "config/yaml_writer.h"
#include "daemon/commands/init_command.h"
#include "daemon/commands/new_files.h"
#include "daemon/commands/server_clients.h"

namespace tunneld::daemon {
namespace {

constexpr std::uint16_t kUsualPort = 51820;
constexpr const char* kExampleEndpoint = "vpn.example.org";

/// A random private network (RFC 4193 section 3.2): two sites that are joined later will hardly have the same
/// one.
net::IpPrefix random_ula() {
  std::array<std::uint8_t, 16> bytes{};
  bytes[0] = 0xfd;
  crypto::random_bytes(std::span(bytes).subspan(1, 5));
  return {net::IpAddress::v6(bytes), 64};
}

std::vector<net::IpPrefix> pools(const InitServerOptions& options) {
  if (options.pools.empty()) return {*net::IpPrefix::parse("10.8.0.0/24"), random_ula()};
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

std::string server_yaml(const std::vector<net::IpPrefix>& pools, const std::string& endpoint,
                        std::uint16_t port) {
  std::string addresses;
  std::string networks;
  for (const net::IpPrefix& pool : pools) {
    networks += (networks.empty() ? "" : ", ") + config::yaml_scalar(pool.to_string());
    addresses += (addresses.empty() ? "" : ", ") + config::yaml_scalar(first_address(pool).to_string());
  }
  std::ostringstream text;
  text
      << "# A server: clients call it, and get addresses of its network. Every option is in docs/config.md.\n"
      << "#   tunneld client add NAME --config server.yaml     lets a client in\n"
      << "#   tunneld check --config server.yaml && tunneld --config server.yaml\n"
      << "interface:\n"
      << "  name: tun0\n"
      << "  addresses: [" << addresses << "]     # its own\n"
      << "  listen_port: " << port << "     # UDP; open it in the firewall\n"
      << "  private_key_file: server.key\n"
      << "server:\n"
      << "  endpoint: " << config::yaml_scalar(endpoint)
      << "     # where clients reach it; stands in what `client add` hands out\n"
      << "  pool: [" << networks << "]     # addresses for clients\n"
      << "  client_to_client: false     # whether clients reach each other\n"
      << "  # What clients are told, besides their addresses:\n"
      << "  # push:\n"
      << "  #   routes: [192.168.10.0/24]     # networks that they reach through this server\n"
      << "  #   dns: { servers: [192.168.10.1], search: [corp.example] }\n"
      << "  #   keepalive: 25s\n"
      << "\n"
      << "# One file for each client, by `tunneld client add`.\n"
      << "include: [peers.d/*.yaml]\n";
  return text.str();
}

std::string client_yaml(const crypto::PublicKey& example) {
  std::ostringstream text;
  text << "# A client, which calls its server. Easier: `tunneld client add NAME` on the server writes this "
          "file.\n"
       << "# Replace what is marked as an example, then:\n"
       << "#   tunneld check --config client.yaml && tunneld --config client.yaml\n"
       << "interface:\n"
       << "  name: tun0\n"
       << "  private_key_file: private.key\n"
       << "client: {}     # takes addresses, routes and DNS from its server\n"
       << "peers:\n"
       << "  - name: server\n"
       << "    public_key: \"" << example.to_base64() << "\"     # example: the server's\n"
       << "    endpoints: [\"" << kExampleEndpoint << ":" << kUsualPort << "\"]     # example\n";
  return text.str();
}

ExitCode write_server(const InitServerOptions& options) {
  const auto networks = pools(options);
  config::Config defaults;
  defaults.interface.listen_port = kUsualPort;
  const config::PeerEndpoint endpoint =
      server_endpoint(defaults, options.endpoint.empty() ? kExampleEndpoint : options.endpoint);
  NewFiles files;
  const std::filesystem::path directory(options.directory);
  files.make_directory(options.directory);
  files.make_directory((directory / "peers.d").string());
  const crypto::PrivateKey key = crypto::PrivateKey::generate();
  write_key(files, (directory / "server.key").string(), key);
  const std::string path = (directory / "server.yaml").string();
  files.write(path, server_yaml(networks, endpoint.to_string(), endpoint.port));
  for (const std::string& file : files.paths()) std::cout << "wrote " << file << "\n";
  files.keep();
  if (options.endpoint.empty()) {
    std::cout << "Replace " << kExampleEndpoint << " in it by the name or address that clients call.\n";
  }
  std::cout << "next: tunneld client add NAME --config " << path << "\n";
  return ExitCode::kFine;
}

ExitCode write_client(const std::string& directory) {
  NewFiles files;
  files.make_directory(directory);
  const std::filesystem::path folder(directory);
  const crypto::PrivateKey key = crypto::PrivateKey::generate();
  write_key(files, (folder / "private.key").string(), key);
  files.write((folder / "client.yaml").string(), client_yaml(crypto::PrivateKey::generate().public_key()));
  for (const std::string& file : files.paths()) std::cout << "wrote " << file << "\n";
  files.keep();
  std::cout << "On the server: tunneld client add NAME --public-key " << key.public_key().to_base64() << "\n"
            << "Then put what it prints in the place of the examples.\n";
  return ExitCode::kFine;
}

}  // namespace

ExitCode init_server(const InitServerOptions& options) {
  return run_command([&options] { return write_server(options); });
}

ExitCode init_client(const std::string& directory) {
  return run_command([&directory] { return write_client(directory); });
}

}  // namespace tunneld::daemon
