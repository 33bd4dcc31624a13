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

std::optional<Located<std::string>> read_peer_name(const Node& node) {
  const auto name = node.text(kExpectedPeerName);
  if (!name) return std::nullopt;
  if (is_peer_name(*name)) return Located<std::string>{*name, node.at()};
  node.error_expected(kExpectedPeerName);
  return std::nullopt;
}

constexpr std::string_view kPublicKeyValues = "44 characters of base64, as `tunneld pubkey` prints";

std::optional<Located<crypto::PublicKey>> read_public_key(const Node& node) {
  const auto text = node.text(kPublicKeyValues);
  if (!text) return std::nullopt;
  const auto key = crypto::PublicKey::from_base64(*text);
  if (!key) {
    node.error_expected(kPublicKeyValues, "ask the peer for `tunneld pubkey < KEYFILE`");
  } else if (*key == crypto::PublicKey()) {
    node.error("the public key is all zeros, which no private key belongs to",
               "ask the peer for `tunneld pubkey < KEYFILE`");
  } else {
    return Located<crypto::PublicKey>{*key, node.at()};
  }
  return std::nullopt;
}

std::string show_public_key(const Located<crypto::PublicKey>& key) {
  return yaml_scalar(key.value.to_base64());
}

std::vector<Located<PeerEndpoint>> read_endpoints(const Node& node) {
  std::vector<Located<PeerEndpoint>> endpoints;
  for (const Node& item : node.items("a list of endpoints like [\"vpn.example.org:51820\"]")) {
    const auto text = item.text("a list of texts like \"vpn.example.org:51820\"");
    if (!text) continue;
    const auto parsed = parse_endpoint(*text);
    if (const auto* problem = std::get_if<EndpointProblem>(&parsed)) {
      item.error("endpoint " + in_quotes(*text) + ' ' + problem->message, problem->hint);
      continue;
    }
    const Located<PeerEndpoint> endpoint{std::get<PeerEndpoint>(parsed), item.at()};
    if (std::ranges::find(endpoints, endpoint) != endpoints.end()) {
      item.error("endpoint " + in_quotes(*text) + " is listed twice", "remove one");
      continue;
    }
    endpoints.push_back(endpoint);
  }
  return endpoints;
}

void read_persistent_keepalive(const Node& node, PeerConfig& peer) {
  const auto interval = read_keepalive(node);
  if (!interval) return;
  peer.keepalive_refused = *interval == Duration::zero();
  if (!peer.keepalive_refused) peer.persistent_keepalive = interval;
}

std::vector<Located<net::IpAddress>> read_own_addresses(const Node& node) {
  std::vector<Located<net::IpAddress>> own;
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
      own.push_back({*address, item.at()});
    }
  }
  return own;
}

std::vector<Located<net::MacAddress>> read_mac_addresses(const Node& node) {
  std::vector<Located<net::MacAddress>> addresses;
  for (const Node& item : node.items("a list of Ethernet addresses like [\"02:00:5e:10:00:01\"]")) {
    if (const auto address = read_mac_address(item)) addresses.push_back(*address);
  }
  return addresses;
}

std::string show_persistent_keepalive(const PeerConfig& peer) {
  return peer.keepalive_refused ? "off" : show_keepalive(peer.persistent_keepalive);
}

std::vector<Located<net::IpPrefix>> read_allowed_ips(const Node& node) {
  return read_networks(node, "10.20.0.0/16");
}

std::optional<Located<std::string>> read_group_name(const Node& node) {
  const auto name = node.text("the name of a group");
  return name ? std::optional(Located<std::string>{*name, node.at()}) : std::nullopt;
}

constexpr Option<PeerConfig> kPeerOptions[] = {
    {.key = "name",
     .values = kExpectedPeerName,
     .required = "give the peer a name for logs and status",
     .wg_quick = "# Name",
     .value = value<&PeerConfig::name, read_peer_name>()},
    {.key = "public_key",
     .values = kPublicKeyValues,
     .required = "ask the peer for `tunneld pubkey < KEYFILE`",
     .wg_quick = "PublicKey",
     .value = value<&PeerConfig::public_key, read_public_key, show_public_key>()},
    {.key = "preshared_key_file",
     .values = kKeyFileValues,
     .unset = "none",
     .wg_quick = "PresharedKey",
     .value = value<&PeerConfig::preshared_key_file, read_key_file>()},
    {.key = "endpoints",
     .values = "a list of host:port, [IPv6]:port",
     .wg_quick = "Endpoint",
     .value = value<&PeerConfig::endpoints, read_endpoints>()},
    {.key = "endpoint_order", .value = choice<&PeerConfig::endpoint_order, kEndpointOrders>()},
    {.key = "allowed_ips",
     .values = "a list of networks",
     .wg_quick = "AllowedIPs",
     .value = value<&PeerConfig::allowed_ips, read_allowed_ips>()},
    {.key = "mac_addresses",
     .values = "a list of Ethernet addresses",
     .unset = "[]",
     .value = value<&PeerConfig::mac_addresses, read_mac_addresses, kUnlessEmpty>()},
    {.key = "persistent_keepalive",
     .values = kKeepaliveValues,
     .unset = "off",
     .wg_quick = "PersistentKeepalive",
     .value = values<read_persistent_keepalive, show_persistent_keepalive, &PeerConfig::persistent_keepalive,
                     &PeerConfig::keepalive_refused>()},
    {.key = "address",
     .values = "a list of addresses, without prefix length",
     .unset = "[]",
     .wg_quick = "AllowedIPs",
     .value = value<&PeerConfig::addresses, read_own_addresses, kUnlessEmpty>()},
    {.key = "push",
     .values = "as server.push",
     .unset = "nothing",
     .value = section<&PeerConfig::push, push_options>()},
    {.key = "group",
     .values = "the name of a group",
     .unset = "none",
     .value = value<&PeerConfig::group, read_group_name>()},
    {.key = "allow",
     .values = "a list of rules",
     .unset = "none",
     .value = value<&PeerConfig::allow, read_allow>()},
};

}  // namespace

Options<PeerConfig> peer_options() {
  return kPeerOptions;
}

std::vector<PeerConfig> read_peers(const Node& node) {
  std::vector<PeerConfig> peers;
  for (const Node& item : node.items("a list of peers")) {
    read_section(Node(item.yaml(), item.source(), "peer"), peer_options(), peers.emplace_back());
  }
  return peers;
}

}  // namespace tunneld::config
