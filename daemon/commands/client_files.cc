#include "daemon/commands/client_files.h"

#include <algorithm>

#include "config/names.h"
#include "config/yaml_writer.h"
#include "daemon/commands/client_addresses.h"

namespace tunneld::daemon {
namespace {

/// Most NATs forget an idle mapping after half a minute.
constexpr std::chrono::seconds kKeepalive{25};

config::PushConfig pushed_to(const ServerSide& server, const NewClient& client) {
  const config::PushConfig& all = server.config.server->value.push;
  const config::PushConfig& own = client.push;
  return {.routes = own.routes ? own.routes : all.routes,
          .dns = own.dns ? own.dns : all.dns,
          .mtu = own.mtu ? own.mtu : all.mtu,
          .keepalive = own.keepalive ? own.keepalive : all.keepalive};
}

/// The networks that the client sends into the tunnel.
std::vector<net::IpPrefix> networks_for(const ServerSide& server, const NewClient& client) {
  if (client.all_traffic) return {*net::IpPrefix::parse("0.0.0.0/0"), *net::IpPrefix::parse("::/0")};
  std::vector<net::IpPrefix> networks = client_networks(server.config);
  const auto routes = pushed_to(server, client).routes;
  for (const auto& route : routes ? *routes : std::vector<config::Located<net::IpPrefix>>()) {
    if (std::find(networks.begin(), networks.end(), route.value) == networks.end())
      networks.push_back(route.value);
  }
  return networks;
}

/// The client's side as a configuration of ours.
config::Config client_config(const ServerSide& server, const NewClient& client) {
  const config::PushConfig push = pushed_to(server, client);
  config::Config config;
  config.interface.type = server.config.interface.type;
  config.interface.mtu = push.mtu ? push.mtu : server.config.interface.mtu;
  for (const net::IpAddress& address : client.addresses)
    config.interface.addresses.push_back({net::IpPrefix::of(address), {}});
  config::PeerConfig peer;
  peer.name.value = "server";
  peer.public_key.value = server.public_key;
  peer.endpoints.push_back({server.endpoint, {}});
  for (const net::IpPrefix& network : networks_for(server, client)) peer.allowed_ips.push_back({network, {}});
  const Duration keepalive = push.keepalive.value_or(kKeepalive);
  if (keepalive != Duration::zero()) peer.persistent_keepalive = keepalive;
  config.peers.push_back(std::move(peer));
  return config;
}

}  // namespace

std::string client_yaml(const ServerSide& server, const NewClient& client) {
  std::string out = "# " + client.name + ", a client of " + server.endpoint.to_string() + ".\n";
  const std::string& name = client.connection;
  out += "#   tunneld check --config " + name + ".yaml && tunneld --config " + name + ".yaml\n";
  out += "interface:\n  name: " + config::yaml_scalar(config::is_device_name(name) ? name : "tun0");
  out += "\n  private_key_file: " + config::yaml_scalar(name + ".key");
  if (!client.private_key) out += "     # the one whose public key the server knows";
  out += "\nclient:\n";
  out +=
      "  # What the server may decide, besides addresses, routes, DNS and MTU (docs/config.md): whether "
      "everything\n";
  out += "  # goes through it.\n";
  out += std::string("  accept: { default_route: ") + (client.all_traffic ? "true" : "false") + " }\n";
  out += "peers:\n  - name: server\n";
  out += "    public_key: " + config::yaml_scalar(server.public_key.to_base64()) + '\n';
  if (client.preshared_key) out += "    preshared_key_file: " + config::yaml_scalar(name + ".psk") + '\n';
  out += "    endpoints: [" + config::yaml_scalar(server.endpoint.to_string()) + "]     # tried in turn\n";
  return out;
}

config::WgQuickText client_wg_quick(const ServerSide& server, const NewClient& client) {
  using config::WhosePrivateKey;
  const auto whose = client.private_key ? WhosePrivateKey::kOurs : WhosePrivateKey::kTheirs;
  const crypto::PrivateKey none =
      crypto::PrivateKey::from_bytes(std::array<std::uint8_t, crypto::kKeySize>{});
  config::Keys keys{client.private_key ? client.private_key->clone() : none.clone()};
  if (client.preshared_key) keys.preshared_keys.emplace(server.public_key, client.preshared_key->clone());
  return write_wg_quick(client_config(server, client), keys,
                        pushed_to(server, client).dns.value_or(config::DnsConfig()), whose);
}

}  // namespace tunneld::daemon
