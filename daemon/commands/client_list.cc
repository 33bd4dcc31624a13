#include <iostream>
#include <map>
#include <optional>

#include <fmt/core.h>

#include "common/json.h"
#include "daemon/commands/client_addresses.h"
#include "daemon/commands/client_commands.h"
#include "daemon/commands/control_client.h"
#include "daemon/commands/server_clients.h"
#include "daemon/host/state_directory.h"
#include "daemon/lease_store.h"
#include "daemon/status.h"

namespace tunneld::daemon {
namespace {

using Addresses = std::map<std::string, std::vector<std::string>>;

/// nullopt if no daemon runs.
std::optional<Json> running(const std::string& interface) {
  try {
    return ask(interface, "status");
  } catch (const ControlError& error) {
    std::cerr << "tunneld: no handshakes to show: " << error.what() << "\n";
    return std::nullopt;
  }
}

/// The clients' addresses from the pool, by public key; read from the file if no daemon runs.
Addresses leases(const std::string& interface, const std::optional<Json>& status) {
  Addresses addresses;
  if (status && status->contains("server")) {
    for (const auto& lease : status->at("server").at("leases"))
      addresses[lease.at("public_key").get<std::string>()] =
          lease.at("addresses").get<std::vector<std::string>>();
  } else {
    for (const Lease& lease : LeaseStore(leases_path(interface)).load()) {
      for (const net::IpAddress& address : lease.addresses)
        addresses[lease.key.to_base64()].push_back(address.to_string());
    }
  }
  return addresses;
}

std::string age(const Json& seconds) {
  if (seconds.is_null()) return "never";
  return std::to_string(seconds.get<std::int64_t>()) + " s ago";
}

ExitCode list(const ClientOptions& options) {
  const config::Config server = read_server(server_configuration(options.config));
  const auto status = running(server.interface.name.value);
  std::map<std::string, Json> running_peers;
  if (status) {
    for (const auto& peer : status->at("peers"))
      running_peers[peer.at("public_key").get<std::string>()] = peer;
  }
  Addresses leased = leases(server.interface.name.value, status);
  Json clients = Json::array();
  for (const config::PeerConfig& peer : server.peers) {
    const std::string key = peer.public_key.value.to_base64();
    Json client{{"name", peer.name.value}, {"public_key", key},   {"addresses", Json::array()},
                {"state", nullptr},        {"endpoint", nullptr}, {"latest_handshake_seconds_ago", nullptr}};
    for (const net::IpAddress& address : addresses_of(peer))
      client["addresses"].push_back(address.to_string());
    for (const std::string& address : leased[key]) client["addresses"].push_back(address);
    const auto found = running_peers.find(key);
    if (found != running_peers.end()) {
      for (const char* field : {"state", "endpoint", "latest_handshake_seconds_ago"})
        client[field] = found->second.at(field);
    }
    clients.push_back(std::move(client));
  }
  if (options.json) {
    std::cout << clients.dump(2) << "\n";
    return ExitCode::kFine;
  }
  constexpr const char* kRow = "{:<20} {:<40} {:<11} {}\n";
  std::cout << fmt::format(kRow, "CLIENT", "ADDRESS", "STATE", "HANDSHAKE");
  for (const auto& client : clients) {
    const auto& state = client.at("state");
    std::cout << fmt::format(kRow, client.at("name").get<std::string>(), listed(client.at("addresses")),
                             state.is_null() ? "-" : state.get<std::string>(),
                             age(client.at("latest_handshake_seconds_ago")));
  }
  return ExitCode::kFine;
}

}  // namespace

ExitCode list_clients(const ClientOptions& options) {
  return run_command([&options] { return list(options); });
}

}  // namespace tunneld::daemon
