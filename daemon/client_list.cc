#include <iostream>
#include <map>

#include <spdlog/fmt/fmt.h>

#include "daemon/client_addresses.h"
#include "daemon/client_commands.h"
#include "daemon/control_client.h"
#include "daemon/server_clients.h"

namespace tunneld::daemon {
namespace {

/// Status of the peers by public key; empty where no daemon runs.
std::map<std::string, nlohmann::json> running_peers(const std::string& interface) {
  std::map<std::string, nlohmann::json> peers;
  try {
    const nlohmann::json status = ask(interface, "status");
    for (const auto& peer : status.at("peers")) peers[peer.at("public_key").get<std::string>()] = peer;
  } catch (const ControlError& error) {
    std::cerr << "tunneld: no handshakes to show: " << error.what() << "\n";
  }
  return peers;
}

std::string joined(const nlohmann::json& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word.get<std::string>();
  return all.empty() ? "-" : all;
}

std::string age(const nlohmann::json& seconds) {
  if (seconds.is_null()) return "never";
  return std::to_string(seconds.get<std::int64_t>()) + " s ago";
}

ExitCode list(const ClientOptions& options) {
  const config::Config server = read_server(options.config);
  const auto running = running_peers(server.interface.name.value);
  nlohmann::json clients = nlohmann::json::array();
  for (const config::PeerConfig& peer : server.peers) {
    nlohmann::json client{{"name", peer.name.value},
                          {"public_key", peer.public_key.value.to_base64()},
                          {"addresses", nlohmann::json::array()},
                          {"state", nullptr},
                          {"endpoint", nullptr},
                          {"latest_handshake_seconds_ago", nullptr}};
    for (const net::IpAddress& address : addresses_of(peer))
      client["addresses"].push_back(address.to_string());
    const auto found = running.find(peer.public_key.value.to_base64());
    if (found != running.end()) {
      for (const char* key : {"state", "endpoint", "latest_handshake_seconds_ago"})
        client[key] = found->second.at(key);
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
    std::cout << fmt::format(kRow, client.at("name").get<std::string>(), joined(client.at("addresses")),
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
