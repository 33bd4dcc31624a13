// `server:`: what a server does for its clients.

#include "common/net/address_class.h"
#include "config/names.h"
#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

/// A pool that leaves room for clients, and none so large that it can only be a mistake.
bool is_pool_size(const net::IpPrefix& prefix) {
  return prefix.address.is_v4() ? prefix.length >= 8 && prefix.length <= 30
                                : prefix.length >= 64 && prefix.length <= 126;
}

void read_pool(const Node& node, ServerConfig& server) {
  for (const auto& network : read_networks(node, "10.8.0.0/24")) {
    Diagnostics& diagnostics = node.source().diagnostics;
    const std::string text = in_quotes(network.value.to_string());
    if (!net::is_host_address(network.value.address)) {
      diagnostics.error(network.at, text + " has no addresses that a client can have",
                        "take a private network, like 10.8.0.0/24 or \"fd08::/64\"");
      continue;
    }
    if (!is_pool_size(network.value)) {
      diagnostics.error(network.at, text + " has no size for a pool",
                        "take one from /8 to /30 for IPv4, from /64 to /126 for IPv6");
      continue;
    }
    for (const auto& other : server.pool) {
      if (!other.value.overlaps(network.value)) continue;
      diagnostics.error(network.at, text + " overlaps " + other.value.to_string() + " of the same pool",
                        "remove one");
    }
    server.pool.push_back(network);
  }
}

void read_lease_time(const Node& node, ServerConfig& server) {
  const std::string_view expected = "a time of at least 1m";
  const auto text = node.text(expected);
  if (!text) return;
  const auto duration = parse_duration(*text);
  if (!duration || *duration < std::chrono::minutes(1) || *duration > std::chrono::days(36500)) {
    return node.error_expected(expected, parse_number(*text) ? "add the unit, as in 30d" : "");
  }
  server.lease_time = *duration;
}

void read_masquerade(const Node& node, ForwardingConfig& forwarding) {
  const std::string_view expected = "off, the name of an interface like eth0, or a list of them";
  if (node.is("off")) return;
  const bool is_single = node.yaml().kind == YamlNode::Kind::kScalar;
  for (const Node& item : is_single ? std::vector{node} : node.items(expected)) {
    const auto name = item.text(expected);
    if (!name) continue;
    if (!is_interface_name(*name)) {
      item.error_expected(expected);
      continue;
    }
    forwarding.masquerade.push_back({*name, item.at()});
  }
}

ForwardingConfig read_forwarding(const Node& node) {
  ForwardingConfig forwarding;
  if (node.is("off")) return forwarding;
  if (!node.is_map()) {
    node.error_expected("off or a mapping like { enabled: true, masquerade: eth0 }");
    return forwarding;
  }
  Mapping keys(node);
  if (const auto enabled = keys.require("enabled", "write 'enabled: true' or 'enabled: false'"))
    forwarding.enabled = read_bool(*enabled).value_or(false);
  if (const auto masquerade = keys.find("masquerade")) read_masquerade(*masquerade, forwarding);
  keys.finish();
  return forwarding;
}

void read_server_endpoint(const Node& node, ServerConfig& server) {
  const auto text = node.text("a host and a port like \"vpn.example.org:51820\"");
  if (!text) return;
  const auto parsed = parse_endpoint(*text);
  if (const auto* problem = std::get_if<EndpointProblem>(&parsed)) {
    return node.error("endpoint " + in_quotes(*text) + ' ' + problem->message, problem->hint);
  }
  server.endpoint = {std::get<PeerEndpoint>(parsed), node.at()};
}

}  // namespace

ServerConfig read_server(const Node& node) {
  ServerConfig server;
  Mapping keys(node);
  if (const auto endpoint = keys.find("endpoint")) read_server_endpoint(*endpoint, server);
  if (const auto pool = keys.find("pool")) read_pool(*pool, server);
  if (const auto time = keys.find("lease_time")) read_lease_time(*time, server);
  if (const auto push = keys.find("push")) server.push = read_push(*push);
  if (const auto open = keys.find("client_to_client"))
    server.client_to_client = read_bool(*open).value_or(false);
  if (const auto forwarding = keys.find("forwarding")) server.forwarding = read_forwarding(*forwarding);
  keys.finish();
  return server;
}

}  // namespace tunneld::config
