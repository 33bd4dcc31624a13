// `peers:`: who may connect, where they are, and which networks are behind them.

#include <algorithm>
#include <array>

#include "common/net/address_class.h"
#include "config/names.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

constexpr std::array kEndpointOrders{Word<EndpointOrder>{"in_order", EndpointOrder::kInOrder},
                                     Word<EndpointOrder>{"random", EndpointOrder::kRandom}};

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

void read_keepalive(const Node& node, PeerConfig& peer) {
  const auto interval = config::read_keepalive(node);
  if (!interval) return;
  peer.keepalive_refused = *interval == Duration::zero();
  if (!peer.keepalive_refused) peer.persistent_keepalive = interval;
}

void read_own_addresses(const Node& node, PeerConfig& peer) {
  const std::string_view expected = "a list of addresses like [10.8.0.10], without a prefix length";
  for (const Node& item : node.items(expected)) {
    const auto text = item.text(expected);
    if (!text) continue;
    const auto address = net::IpAddress::parse(*text);
    if (!address) {
      item.error_expected(expected);
    } else if (!net::is_host_address(*address)) {
      item.error(in_quotes(*text) + " is no address that a client can have", "give it one like 10.8.0.10");
    } else {
      peer.addresses.push_back({*address, item.at()});
    }
  }
}

void read_mac_addresses(const Node& node, PeerConfig& peer) {
  for (const Node& item : node.items("a list of Ethernet addresses like [\"02:00:5e:10:00:01\"]")) {
    if (const auto address = read_mac_address(item)) peer.mac_addresses.push_back(*address);
  }
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
  if (const auto order = keys.find("endpoint_order"))
    peer.endpoint_order = order->choice(kEndpointOrders).value_or(EndpointOrder::kInOrder);
  if (const auto networks = keys.find("allowed_ips"))
    peer.allowed_ips = read_networks(*networks, "10.20.0.0/16");
  if (const auto addresses = keys.find("mac_addresses")) read_mac_addresses(*addresses, peer);
  if (const auto keepalive = keys.find("persistent_keepalive")) read_keepalive(*keepalive, peer);
  if (const auto addresses = keys.find("address")) read_own_addresses(*addresses, peer);
  if (const auto push = keys.find("push")) peer.push = read_push(*push);
  if (const auto group = keys.find("group")) {
    if (const auto name = group->text("the name of a group")) peer.group = {*name, group->at()};
  }
  if (const auto allow = keys.find("allow")) peer.allow = read_allow(*allow);
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
