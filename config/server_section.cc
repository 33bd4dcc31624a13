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

std::vector<Located<net::IpPrefix>> read_pool(const Node& node) {
  std::vector<Located<net::IpPrefix>> pool;
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
    for (const auto& other : pool) {
      if (!other.value.overlaps(network.value)) continue;
      diagnostics.error(network.at, text + " overlaps " + other.value.to_string() + " of the same pool",
                        "remove one");
    }
    pool.push_back(network);
  }
  return pool;
}

constexpr std::string_view kLeaseTimeValues = "a time of at least 1m";

std::optional<Duration> read_lease_time(const Node& node) {
  const auto text = node.text(kLeaseTimeValues);
  if (!text) return std::nullopt;
  const auto duration = parse_duration(*text);
  if (!duration || *duration < std::chrono::minutes(1) || *duration > std::chrono::days(36500)) {
    node.error_expected(kLeaseTimeValues, parse_number(*text) ? "add the unit, as in 30d" : "");
    return std::nullopt;
  }
  return duration;
}

constexpr std::string_view kMasqueradeValues = "off, the name of an interface like eth0, or a list of them";

std::vector<Located<std::string>> read_masquerade(const Node& node) {
  std::vector<Located<std::string>> interfaces;
  if (node.is("off")) return interfaces;
  const bool is_single = node.yaml().kind == YamlNode::Kind::kScalar;
  for (const Node& item : is_single ? std::vector{node} : node.items(kMasqueradeValues)) {
    const auto name = item.text(kMasqueradeValues);
    if (!name) continue;
    if (!is_interface_name(*name)) {
      item.error_expected(kMasqueradeValues);
      continue;
    }
    interfaces.push_back({*name, item.at()});
  }
  return interfaces;
}

bool read_short_forwarding(const Node& node, ForwardingConfig& /*forwarding*/) {
  if (node.is_map()) return false;
  if (!node.is("off")) node.error_expected("off or a mapping like { enabled: true, masquerade: eth0 }");
  return true;
}

constexpr Option<ForwardingConfig> kForwardingOptions[] = {
    {.key = "enabled",
     .required = "write 'enabled: true' or 'enabled: false'",
     .value = flag<&ForwardingConfig::enabled>()},
    {.key = "masquerade",
     .values = kMasqueradeValues,
     .unset = "off",
     .value = value<&ForwardingConfig::masquerade, read_masquerade>()},
};

Options<ForwardingConfig> forwarding_options() {
  return kForwardingOptions;
}

std::optional<Located<PeerEndpoint>> read_server_endpoint(const Node& node) {
  const auto text = node.text("a host and a port like \"vpn.example.org:51820\"");
  if (!text) return std::nullopt;
  const auto parsed = parse_endpoint(*text);
  if (const auto* problem = std::get_if<EndpointProblem>(&parsed)) {
    node.error("endpoint " + in_quotes(*text) + ' ' + problem->message, problem->hint);
    return std::nullopt;
  }
  return Located<PeerEndpoint>{std::get<PeerEndpoint>(parsed), node.at()};
}

constexpr Option<ServerConfig> kServerOptions[] = {
    {.key = "endpoint",
     .values = "host:port, [IPv6]:port",
     .unset = "none",
     .value = value<&ServerConfig::endpoint, read_server_endpoint>()},
    {.key = "pool",
     .values = "a list of networks; IPv4 /8 to /30, IPv6 /64 to /126",
     .value = value<&ServerConfig::pool, read_pool>()},
    {.key = "lease_time",
     .values = kLeaseTimeValues,
     .value = value<&ServerConfig::lease_time, read_lease_time>()},
    {.key = "push",
     .values = "a mapping",
     .unset = "nothing",
     .value = section<&ServerConfig::push, push_options>()},
    {.key = "client_to_client", .value = flag<&ServerConfig::client_to_client>()},
    {.key = "forwarding",
     .values = "off or a mapping",
     .unset = "off",
     .value = section<&ServerConfig::forwarding, forwarding_options, read_short_forwarding>()},
};

}  // namespace

Options<ServerConfig> server_options() {
  return kServerOptions;
}

}  // namespace tunneld::config
