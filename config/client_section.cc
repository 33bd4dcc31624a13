// `client:`: what a client takes from its servers.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "config/names.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

void read_accepted_routes(const Node& node, AcceptConfig& accept) {
  if (node.yaml().kind == YamlNode::Kind::kScalar) {
    accept.routes = read_bool(node).value_or(accept.routes);
    return;
  }
  accept.routes_within = read_networks(node, "192.168.0.0/16");
  accept.routes = !accept.routes_within.empty();
}

AcceptConfig read_accept(const Node& node) {
  AcceptConfig accept;
  Mapping keys(node);
  const auto flag = [&keys](std::string_view key, bool& value) {
    if (const auto found = keys.find(key)) value = read_bool(*found).value_or(value);
  };
  flag("addresses", accept.addresses);
  if (const auto routes = keys.find("routes")) read_accepted_routes(*routes, accept);
  flag("default_route", accept.default_route);
  flag("dns", accept.dns);
  flag("mtu", accept.mtu);
  flag("keepalive", accept.keepalive);
  keys.finish();
  return accept;
}

/// What may stay outside of a tunnel that takes all: a hostile network must not get more than its own.
bool is_local(const net::IpPrefix& network) {
  constexpr std::array kLocal{"10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16",
                              "169.254.0.0/16", "fc00::/7",      "fe80::/10"};
  return std::ranges::any_of(kLocal, [&network](const char* text) {
    const net::IpPrefix range = net::IpPrefix::parse(text).value();
    return network.length >= range.length && range.contains(network.address);
  });
}

std::vector<Located<net::IpPrefix>> read_local_networks(const Node& node) {
  std::vector<Located<net::IpPrefix>> networks = read_networks(node, "192.168.0.0/16");
  for (const auto& network : networks) {
    if (is_local(network.value)) continue;
    node.source().diagnostics.error(network.at,
                                    in_quotes(network.value.to_string()) + " is not private or link-local",
                                    "only networks within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "
                                    "169.254.0.0/16, fc00::/7 and fe80::/10 may stay outside");
  }
  return networks;
}

std::vector<Located<std::string>> read_servers(const Node& node) {
  const std::string_view expected = "the name of a peer, or a list of them";
  std::vector<Located<std::string>> servers;
  const bool is_single = node.yaml().kind == YamlNode::Kind::kScalar;
  for (const Node& item : is_single ? std::vector{node} : node.items(expected)) {
    const auto name = item.text(expected);
    if (!name) continue;
    if (!is_peer_name(*name)) {
      item.error_expected(expected);
      continue;
    }
    servers.push_back({*name, item.at()});
  }
  return servers;
}

}  // namespace

ClientConfig read_client(const Node& node) {
  ClientConfig client;
  Mapping keys(node);
  if (const auto accept = keys.find("accept")) client.accept = read_accept(*accept);
  if (const auto servers = keys.find("server")) client.servers = read_servers(*servers);
  if (const auto on = keys.find("kill_switch")) client.kill_switch = read_bool(*on).value_or(false);
  if (const auto networks = keys.find("local_networks"))
    client.local_networks = read_local_networks(*networks);
  keys.finish();
  return client;
}

}  // namespace tunneld::config
