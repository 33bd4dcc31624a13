// `push:`: what a server tells its clients, all of them or one.

#include <array>

#include "common/net/address_class.h"
#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

// One CONFIG message has 1,200 bytes (docs/extension.md).
constexpr std::size_t kMostBytesOfText = 900;

void read_routes(const Node& node, PushConfig& push) {
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
  push.routes = std::move(routes);
}

void read_mtu(const Node& node, PushConfig& push) {
  const std::string_view expected = "a size from 576 to 65475 bytes";
  const auto text = node.text(expected);
  if (!text) return;
  const auto size = parse_size(*text);
  if (!size || *size < 576 || *size > 65475) return node.error_expected(expected);
  push.mtu = static_cast<std::uint16_t>(*size);
}

}  // namespace

PushConfig read_push(const Node& node) {
  PushConfig push;
  Mapping keys(node);
  if (const auto routes = keys.find("routes")) read_routes(*routes, push);
  if (const auto dns = keys.find("dns")) push.dns = read_dns(*dns, DnsOf::kPush);
  if (const auto mtu = keys.find("mtu")) read_mtu(*mtu, push);
  if (const auto keepalive = keys.find("keepalive")) push.keepalive = read_keepalive(*keepalive);
  keys.finish();
  return push;
}

}  // namespace tunneld::config
