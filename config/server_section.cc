// `server:`: what a server does for its clients.

#include "config/sections.h"

namespace tunneld::config {

namespace {

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
  keys.finish();
  return server;
}

}  // namespace tunneld::config
