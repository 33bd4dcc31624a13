#include "daemon/commands/init_command.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <vector>

#include "common/crypto/keys.h"
#include "config/names.h"
#include "config/yaml_writer.h"
#include "daemon/commands/new_files.h"
#include "daemon/commands/server_clients.h"
#include "daemon/commands/taken.h"

namespace tunneld::daemon {
namespace {

struct Site {
  const char* name;
  const char* outside;  ///< its public address: an example to be replaced
  const char* network;  ///< the network behind it: likewise
};
constexpr std::array<Site, 2> kSites = {Site{"site-a", "203.0.113.1", "10.10.0.0/16"},
                                        Site{"site-b", "203.0.113.2", "10.20.0.0/16"}};

/// What both ends have in common.
struct Link {
  std::string name;
  std::string interface;
  std::uint16_t port;
  net::IpPrefix network;  ///< of the tunnel itself: one address for each end
};

/// 10.255.0.0/31, or the next one that is free.
net::IpPrefix free_link(const Taken& taken) {
  constexpr std::uint8_t kLast = 254;
  std::vector<net::IpPrefix> candidates;
  for (unsigned last = 0; last <= kLast; last += 2) {
    const std::array<std::uint8_t, 4> bytes = {10, 255, 0, static_cast<std::uint8_t>(last)};
    candidates.push_back({net::IpAddress::v4(bytes), 31});
  }
  return free_network(taken, candidates);
}

std::string address_in(const net::IpPrefix& link, std::size_t end) {
  std::array<std::uint8_t, 4> bytes{};
  std::ranges::copy(link.address.bytes(), bytes.begin());
  bytes.back() = static_cast<std::uint8_t>(bytes.back() + end);
  return net::IpPrefix{net::IpAddress::v4(bytes), link.length}.to_string();
}

std::string site_config(const Link& link, std::size_t end, const crypto::PublicKey& other_key) {
  const Site& own = kSites.at(end);
  const Site& other = kSites.at(1 - end);
  std::ostringstream text;
  text << "# " << own.name << ", one end of the site-to-site link " << link.name
       << ". Replace the addresses that are examples, then:\n"
       << "#   tunneld check --config " << link.name << ".yaml --plan && tunneld --config " << link.name
       << ".yaml\n"
       << "interface:\n"
       << "  name: " << config::yaml_scalar(link.interface) << "\n"
       << "  addresses: [" << address_in(link.network, end) << "]     # of the tunnel itself\n"
       << "  listen_port: " << link.port << "     # UDP; open it in the firewall\n"
       << "  private_key_file: " << config::yaml_scalar(link.name + ".key") << "\n"
       << "# This host passes packets between the tunnel and the network behind it, as long as the tunnel is "
          "up.\n"
       << "server:\n"
       << "  forwarding: { enabled: true }\n"
       << "peers:\n"
       << "  - name: " << other.name << "\n"
       << "    public_key: \"" << other_key.to_base64() << "\"\n"
       << "    preshared_key_file: " << config::yaml_scalar(link.name + ".psk") << "\n"
       << "    endpoints: [\"" << other.outside << ":" << link.port
       << "\"]     # example: the other end's public address or name\n"
       << "    # The other end of the tunnel, and (example) the network behind it; routes are set for them.\n"
       << "    allowed_ips: [" << link.network.to_string() << ", " << other.network << "]\n"
       << "    persistent_keepalive: 25s     # keeps a NAT on the way open\n";
  return text.str();
}

ExitCode write_sites(const InitOptions& options) {
  check_connection_name(options.name);
  check_free_files(kConfigDirectory, options.name);
  const Taken taken = all_taken(options.directory);
  const Link link{.name = options.name,
                  .interface = free_interface(taken, options.name),
                  .port = free_port(taken),
                  .network = free_link(taken)};
  const std::array<crypto::PrivateKey, 2> keys = {crypto::PrivateKey::generate(),
                                                  crypto::PrivateKey::generate()};
  const crypto::PresharedKey preshared = crypto::PresharedKey::generate();
  NewFiles files;
  files.make_directory(options.directory);
  for (std::size_t i = 0; i < kSites.size(); ++i) {
    const std::filesystem::path folder = std::filesystem::path(options.directory) / kSites.at(i).name;
    files.make_directory(folder.string());
    write_key(files, (folder / (link.name + ".key")).string(), keys.at(i));
    write_key(files, (folder / (link.name + ".psk")).string(), preshared);
    const std::string path = (folder / (link.name + ".yaml")).string();
    files.write(path, site_config(link, i, keys.at(1 - i).public_key()));
  }
  for (const std::string& path : files.paths()) std::cout << "wrote " << path << "\n";
  files.keep();
  std::cout << "Replace the example addresses in both, and copy what is in each folder to its host's "
            << kConfigDirectory << ".\n";
  return ExitCode::kFine;
}

}  // namespace

void check_free_files(const std::string& directory, const std::string& name) {
  for (const char* extension : {".yaml", ".key", ".psk"}) {
    const std::filesystem::path file = std::filesystem::path(directory) / (name + extension);
    std::error_code error;
    if (!std::filesystem::exists(std::filesystem::symlink_status(file, error))) continue;
    throw CommandError(ExitCode::kRuntimeFailure,
                       file.string() + ": File exists: give this connection another name (--name)");
  }
}

void check_connection_name(const std::string& name) {
  if (config::is_peer_name(name)) return;
  throw CommandError(ExitCode::kBadUsage,
                     "--name: a connection's name has " + std::string(config::kExpectedPeerName));
}

ExitCode init_site_to_site(const InitOptions& options) {
  return run_command([&options] { return write_sites(options); });
}

}  // namespace tunneld::daemon
