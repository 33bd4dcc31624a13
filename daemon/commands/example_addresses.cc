#include "daemon/commands/example_addresses.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "common/net/address_class.h"

namespace tunneld::daemon {
namespace {

bool is_example_name(std::string_view host) {
  constexpr std::array<std::string_view, 5> kNames = {"example", "example.com", "example.net", "example.org",
                                                      "invalid"};
  return std::ranges::any_of(kNames, [host](std::string_view name) {
    return host.ends_with(name) && (host.size() == name.size() || host[host.size() - name.size() - 1] == '.');
  });
}

void check_address(const net::IpAddress& address, const config::Location& at, config::Diagnostics& found) {
  if (net::is_for_documentation(address))
    found.warning(at, address.to_string() + " is an example, which nobody has", "replace it by your own");
}

void check_endpoint(const config::PeerEndpoint& endpoint, const config::Location& at,
                    config::Diagnostics& found) {
  if (const auto address = endpoint.address()) return check_address(*address, at, found);
  if (is_example_name(endpoint.host))
    found.warning(at, config::in_quotes(endpoint.host) + " is an example, which nobody has",
                  "replace it by your own");
}

void check_pushed(const config::PushConfig& push, config::Diagnostics& found) {
  if (push.routes) {
    for (const auto& route : *push.routes) check_address(route.value.address, route.at, found);
  }
  if (push.dns) {
    for (const auto& server : push.dns->servers) check_address(server.value, server.at, found);
  }
}

}  // namespace

config::Diagnostics example_addresses(const config::Config& config) {
  config::Diagnostics found;
  for (const auto& address : config.interface.addresses)
    check_address(address.value.address, address.at, found);
  for (const auto& server : config.interface.dns.servers) check_address(server.value, server.at, found);
  for (const config::PeerConfig& peer : config.peers) {
    for (const auto& endpoint : peer.endpoints) check_endpoint(endpoint.value, endpoint.at, found);
    for (const auto& network : peer.allowed_ips) check_address(network.value.address, network.at, found);
    check_pushed(peer.push, found);
  }
  if (!config.server) return found;
  const config::ServerConfig& server = config.server->value;
  if (server.endpoint) check_endpoint(server.endpoint->value, server.endpoint->at, found);
  for (const auto& pool : server.pool) check_address(pool.value.address, pool.at, found);
  check_pushed(server.push, found);
  return found;
}

}  // namespace tunneld::daemon
