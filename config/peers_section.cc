// `peers:`: who may connect, where they are, and which networks are behind them.

#include <algorithm>

#include "config/names.h"
#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

constexpr std::string_view kExpectedKeepalive = "off or a time of whole seconds from 1s to 65535s";

void read_name(const Node& node, PeerConfig& peer) {
  const auto name = node.text(kExpectedPeerName);
  if (!name) return;
  if (!is_peer_name(*name)) return node.error_expected(kExpectedPeerName);
  peer.name = {*name, node.at()};
}

void read_public_key(const Node& node, PeerConfig& peer) {
  const std::string_view expected = "44 characters of base64, as `tunneld pubkey` prints";
  const auto text = node.text(expected);
  if (!text) return;
  const auto key = crypto::PublicKey::from_base64(*text);
  if (!key) {
    node.error_expected(expected, "ask the peer for `tunneld pubkey < KEYFILE`");
  } else if (*key == crypto::PublicKey()) {
    node.error("the public key is all zeros, which no private key belongs to",
               "ask the peer for `tunneld pubkey < KEYFILE`");
  } else {
    peer.public_key = {*key, node.at()};
  }
}

void read_endpoints(const Node& node, PeerConfig& peer) {
  for (const Node& item : node.items("a list of endpoints like [\"vpn.example.org:51820\"]")) {
    const auto text = item.text("a list of texts like \"vpn.example.org:51820\"");
    if (!text) continue;
    const auto parsed = parse_endpoint(*text);
    if (const auto* problem = std::get_if<EndpointProblem>(&parsed)) {
      item.error("endpoint " + in_quotes(*text) + ' ' + problem->message, problem->hint);
      continue;
    }
    const Located<PeerEndpoint> endpoint{std::get<PeerEndpoint>(parsed), item.at()};
    if (std::find(peer.endpoints.begin(), peer.endpoints.end(), endpoint) != peer.endpoints.end()) {
      item.error("endpoint " + in_quotes(*text) + " is listed twice", "remove one");
      continue;
    }
    peer.endpoints.push_back(endpoint);
  }
}

void read_allowed_ips(const Node& node, PeerConfig& peer) {
  for (const Node& item : node.items("a list of networks like [10.20.0.0/16]")) {
    const auto prefix = read_prefix(item);
    if (!prefix) continue;
    if (prefix->value.has_host_bits()) {
      item.error(in_quotes(item.yaml().scalar) + " has bits set behind its prefix length",
                 "did you mean " + prefix->value.network().to_string() + "?");
      continue;
    }
    peer.allowed_ips.push_back(*prefix);
  }
}

void read_keepalive(const Node& node, PeerConfig& peer) {
  if (node.is("off")) return;
  const auto text = node.text(kExpectedKeepalive);
  if (!text) return;
  const auto duration = parse_duration(*text);
  const bool is_whole = duration && *duration % std::chrono::seconds(1) == Duration::zero();
  if (!is_whole || *duration < std::chrono::seconds(1) || *duration > std::chrono::seconds(65535)) {
    node.error_expected(kExpectedKeepalive, parse_number(*text) ? "add the unit: " + *text + "s" : "");
    return;
  }
  peer.persistent_keepalive = *duration;
}

PeerConfig read_peer(const Node& node, const Directory& directory) {
  PeerConfig peer;
  Mapping keys(node);
  if (const auto name = keys.require("name", "give the peer a name for logs and status"))
    read_name(*name, peer);
  if (const auto key = keys.require("public_key", "ask the peer for `tunneld pubkey < KEYFILE`")) {
    read_public_key(*key, peer);
  }
  if (const auto file = keys.find("preshared_key_file"))
    peer.preshared_key_file = read_key_file(*file, directory);
  if (const auto endpoints = keys.find("endpoints")) read_endpoints(*endpoints, peer);
  if (const auto networks = keys.find("allowed_ips")) read_allowed_ips(*networks, peer);
  if (const auto keepalive = keys.find("persistent_keepalive")) read_keepalive(*keepalive, peer);
  keys.refuse("preshared_key",
              "keys are kept in files: write it to a file of mode 0600 and name that in "
              "'preshared_key_file'");
  keys.finish();
  return peer;
}

}  // namespace

void read_peers(const Node& node, const Directory& directory, std::vector<PeerConfig>& peers) {
  for (const Node& item : node.items("a list of peers")) {
    peers.push_back(read_peer(Node(item.yaml(), item.source(), "peer"), directory));
  }
}

}  // namespace tunneld::config
