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
    accept.routes = node.choice(kBools).value_or(accept.routes);
    return;
  }
  accept.routes_within = read_networks(node, "192.168.0.0/16");
  accept.routes = !accept.routes_within.empty();
}

std::string show_accepted_routes(const AcceptConfig& accept) {
  if (!accept.routes_within.empty()) return to_yaml(accept.routes_within);
  return accept.routes ? "true" : "false";
}

constexpr Option<AcceptConfig> kAcceptOptions[] = {
    {.key = "addresses", .value = flag<&AcceptConfig::addresses>()},
    {.key = "routes",
     .values = "true, false or a list of networks",
     .value = values<read_accepted_routes, show_accepted_routes, &AcceptConfig::routes,
                     &AcceptConfig::routes_within>()},
    {.key = "default_route", .value = flag<&AcceptConfig::default_route>()},
    {.key = "dns", .value = flag<&AcceptConfig::dns>()},
    {.key = "mtu", .value = flag<&AcceptConfig::mtu>()},
    {.key = "keepalive", .value = flag<&AcceptConfig::keepalive>()},
};

Options<AcceptConfig> accept_options() {
  return kAcceptOptions;
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

constexpr Option<ClientConfig> kClientOptions[] = {
    {.key = "accept",
     .values = "a mapping",
     .unset = "as below",
     .value = section<&ClientConfig::accept, accept_options>()},
    {.key = "server",
     .values = "the name of a peer, or a list of them",
     .unset = "the only peer that has endpoints; the only peer",
     .value = value<&ClientConfig::servers, read_servers, kUnlessEmpty>()},
    {.key = "kill_switch", .value = flag<&ClientConfig::kill_switch>()},
    {.key = "local_networks",
     .values = "a list of private or link-local networks",
     .value = value<&ClientConfig::local_networks, read_local_networks>()},
};

}  // namespace

Options<ClientConfig> client_options() {
  return kClientOptions;
}

}  // namespace tunneld::config
