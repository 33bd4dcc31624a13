#include "daemon/commands/server_clients.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "common/json.h"
#include "daemon/commands/client_commands.h"
#include "daemon/commands/control_client.h"

namespace tunneld::daemon {
namespace {

constexpr std::uint16_t kUsualPort = 51820;

std::string without_newline(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

std::string server_configuration(const std::string& given) {
  std::error_code error;
  if (given != kDefaultServerConfig || std::filesystem::exists(given, error)) return given;
  std::vector<std::string> servers;
  const std::filesystem::path directory = std::filesystem::path(given).parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".yaml") continue;
    const config::ParseResult parsed = config::parse_file(entry.path().string());
    // The end of a link has no clients.
    if (parsed.config && parsed.config->server &&
        (!parsed.config->server->value.pool.empty() || parsed.config->server->value.endpoint))
      servers.push_back(entry.path().string());
  }
  if (servers.size() < 2) return servers.empty() ? given : servers.front();
  std::ranges::sort(servers);
  std::string all;
  for (const std::string& server : servers) all += (all.empty() ? "" : ", ") + server;
  throw CommandError(ExitCode::kBadUsage, "this host has several servers: choose one with --config: " + all);
}

config::Config read_server(const std::string& path) {
  config::ParseResult parsed = config::parse_file(path);
  if (!parsed.config) throw CommandError(ExitCode::kBadUsage, without_newline(to_string(parsed.diagnostics)));
  std::cerr << to_string(parsed.diagnostics);
  if (!parsed.config->server) {
    throw CommandError(ExitCode::kBadUsage, path +
                                                ": this is not a server's configuration: it has no 'server' "
                                                "section; `tunneld init server` makes one");
  }
  return std::move(*parsed.config);
}

config::Keys read_keys(const config::Config& config) {
  config::KeysResult keys = config::load_keys(config, config::NotPermitted::kIsError);
  if (!keys.keys) throw CommandError(ExitCode::kBadUsage, without_newline(to_string(keys.diagnostics)));
  return std::move(*keys.keys);
}

config::PeerEndpoint server_endpoint(const config::Config& server, const std::string& given) {
  if (given.empty()) {
    if (server.server->value.endpoint) return server.server->value.endpoint->value;
    throw CommandError(ExitCode::kBadUsage,
                       to_string(server.server->at) +
                           ": 'server' does not say where clients reach it: add a line like 'endpoint: "
                           "vpn.example.org:51820', or give --endpoint");
  }
  const std::string port = ':' + std::to_string(server.interface.listen_port.value_or(kUsualPort));
  auto parsed = config::parse_endpoint(given);
  if (std::holds_alternative<config::EndpointProblem>(parsed)) {
    // A host without a port: then an IPv6 address may come without brackets.
    const bool is_ipv6 = net::IpAddress::parse(given) && given.find(':') != std::string::npos;
    const auto with_port = config::parse_endpoint((is_ipv6 ? '[' + given + ']' : given) + port);
    if (std::holds_alternative<config::PeerEndpoint>(with_port)) parsed = with_port;
  }
  if (const auto* problem = std::get_if<config::EndpointProblem>(&parsed)) {
    throw CommandError(ExitCode::kBadUsage, "--endpoint " + config::in_quotes(given) + ' ' +
                                                problem->message +
                                                (problem->hint.empty() ? "" : "; " + problem->hint));
  }
  return std::get<config::PeerEndpoint>(parsed);
}

const config::PeerConfig* find_peer(const config::Config& config, const std::string& name) {
  const auto peer = std::find_if(config.peers.begin(), config.peers.end(),
                                 [&name](const auto& candidate) { return candidate.name.value == name; });
  return peer == config.peers.end() ? nullptr : &*peer;
}

std::string user_of_key_file(const config::Config& config, const std::string& path,
                             const std::string& but_for) {
  const auto is_it = [&path](const config::KeyFile& file) {
    if (file.is_credential) return false;
    std::error_code error;  // for example if neither exists
    return std::filesystem::equivalent(path, file.name, error) ||
           std::filesystem::absolute(path, error).lexically_normal() ==
               std::filesystem::path(file.name).lexically_normal();
  };
  if (is_it(config.interface.private_key_file.value)) return "the interface itself";
  for (const config::PeerConfig& peer : config.peers) {
    if (peer.name.value != but_for && peer.preshared_key_file && is_it(peer.preshared_key_file->value))
      return "peer " + config::in_quotes(peer.name.value) + " (" + to_string(peer.preshared_key_file->at) +
             ")";
  }
  return "";
}

Reloaded reload_with(const std::string& interface, const crypto::PublicKey& key, bool is_known) {
  try {
    [[maybe_unused]] const Json reply = ask(interface, "reload");
    const Json status = ask(interface, "status");
    const auto& peers = status.at("peers");
    const bool has_it = std::any_of(peers.begin(), peers.end(), [wanted = key.to_base64()](const auto& peer) {
      return peer.at("public_key") == wanted;
    });
    if (has_it == is_known) return Reloaded::kYes;
    throw CommandError(ExitCode::kRuntimeFailure,
                       "the daemon of " + interface + " runs with a different configuration file");
  } catch (const NotRunning&) {
    return Reloaded::kNobodyRuns;
  } catch (const ControlError& error) {
    throw CommandError(error.code(), std::string("the running daemon: ") + error.what());
  }
}

ExitCode say(const std::exception& error) {
  const auto* command = dynamic_cast<const CommandError*>(&error);
  const auto* system = dynamic_cast<const std::system_error*>(&error);
  const bool is_not_permitted = system && (system->code() == std::errc::permission_denied ||
                                           system->code() == std::errc::operation_not_permitted);
  std::cerr << "tunneld: " << error.what() << "\n";
  if (command) return command->code();
  return is_not_permitted ? ExitCode::kNotPermitted : ExitCode::kRuntimeFailure;
}

}  // namespace tunneld::daemon
