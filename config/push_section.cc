// `push:`: what a server tells its clients, all of them or one.

#include <array>

#include "common/net/address_class.h"
#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

// One CONFIG message has 1,200 bytes (docs/extension.md).
constexpr std::size_t kMostBytesOfText = 900;

std::vector<Located<net::IpPrefix>> read_pushed_routes(const Node& node) {
  std::vector<Located<net::IpPrefix>> routes = read_networks(node, "192.168.10.0/24");
  std::size_t bytes = 0;
  for (const auto& route : routes) {
    bytes += route.value.to_string().size() + 2;
    if (net::is_routable_network(route.value)) continue;
    node.source().diagnostics.error(route.at, in_quotes(route.value.to_string()) + " is no network of hosts",
                                    "push networks that are reached through this server");
  }
  if (bytes > kMostBytesOfText) {
    node.error("these are more routes than fit into one message",
               "push fewer and larger networks (about 50 of IPv4, 20 of IPv6)");
  }
  return routes;
}

std::optional<std::uint16_t> read_pushed_mtu(const Node& node) {
  return read_mtu(node, kMtuValues);
}

constexpr Option<PushConfig> kPushOptions[] = {
    {.key = "routes",
     .values = "a list of networks",
     .unset = "none",
     .value = value<&PushConfig::routes, read_pushed_routes>()},
    {.key = "dns",
     .values = "a mapping",
     .unset = "none",
     .value = section<&PushConfig::dns, pushed_dns_options>()},
    {.key = "mtu",
     .values = kMtuValues,
     .unset = "none",
     .value = value<&PushConfig::mtu, read_pushed_mtu>()},
    {.key = "keepalive",
     .values = kKeepaliveValues,
     .unset = "none",
     .value = value<&PushConfig::keepalive, read_keepalive, show_keepalive>()},
};

}  // namespace

Options<PushConfig> push_options() {
  return kPushOptions;
}

}  // namespace tunneld::config
