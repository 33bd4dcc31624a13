// `client:`: what a client takes from its servers.

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

}  // namespace

ClientConfig read_client(const Node& node) {
  ClientConfig client;
  Mapping keys(node);
  if (const auto accept = keys.find("accept")) client.accept = read_accept(*accept);
  keys.finish();
  return client;
}

}  // namespace tunneld::config
