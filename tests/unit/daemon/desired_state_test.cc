// What is wanted, worked out from each thing that decides it.
#include "daemon/desired_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/addresses.h"

namespace tunneld::daemon {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

crypto::PublicKey key(std::uint8_t n) {
  std::array<std::uint8_t, crypto::kKeySize> bytes{};
  bytes.fill(n);
  return crypto::PublicKey(bytes);
}

config::PeerConfig peer(const char* name, std::uint8_t n, std::vector<const char*> allowed_ips = {}) {
  config::PeerConfig peer;
  peer.name.value = name;
  peer.public_key.value = key(n);
  for (const char* network : allowed_ips) peer.allowed_ips.push_back({prefix(network), {}});
  return peer;
}

config::PeerConfig reached_at(config::PeerConfig peer, const char* endpoint) {
  peer.endpoints.push_back({std::get<config::PeerEndpoint>(config::parse_endpoint(endpoint)), {}});
  return peer;
}

/// A tun of a host with these peers.
config::Config host_with(std::vector<config::PeerConfig> peers) {
  config::Config config;
  config.interface.name.value = "tun0";
  config.interface.addresses.push_back({prefix("10.8.0.1/24"), {}});
  config.routes.table = net::kMainTable;
  config.peers = std::move(peers);
  return config;
}

config::Config server_with(std::vector<config::PeerConfig> peers) {
  config::Config config = host_with(std::move(peers));
  config.server.emplace().value.pool.push_back({prefix("10.8.0.0/24"), {}});
  return config;
}

Inputs inputs_of(config::Config config) {
  Inputs inputs;
  inputs.config = std::make_shared<const config::Config>(std::move(config));
  inputs.preshared_keys = std::make_shared<const config::PresharedKeys>();
  return inputs;
}

std::vector<std::string> words(const DesiredState& state) {
  std::vector<std::string> result;
  for (const HostChange& change : state.changes) result.push_back(in_words(change));
  return result;
}

std::vector<std::string> allowed_ips(const DesiredPeer& peer) {
  std::vector<std::string> result;
  for (const auto& network : peer.config.allowed_ips) result.push_back(network.value.to_string());
  return result;
}

TEST(DesiredState, TheSameInputsAreTheSameState) {
  const Inputs inputs = inputs_of(host_with({peer("a", 1, {"10.20.0.0/16"})}));
  const DesiredState one = desired_state(inputs);
  EXPECT_EQ(desired_state(inputs).changes, one.changes);
  EXPECT_THAT(words(one), ElementsAre("link tun0 up, mtu 1420", "address 10.8.0.1/24 dev tun0",
                                      "route 10.20.0.0/16 dev tun0"));
}

TEST(DesiredState, APeerComesWithItsPresharedKeyWhateverItsPlace) {
  const config::Config config = host_with({peer("a", 1), peer("b", 2)});
  config::PresharedKeys keys;
  keys.emplace(key(2), crypto::PresharedKey::generate());
  Inputs inputs = inputs_of(config);
  inputs.preshared_keys = std::make_shared<const config::PresharedKeys>(std::move(keys));
  const DesiredState state = desired_state(inputs);
  ASSERT_EQ(state.peers.size(), 2U);
  EXPECT_EQ(state.peers[0].preshared_key, nullptr);
  EXPECT_EQ(state.peers[1].preshared_key, &inputs.preshared_keys->at(key(2)));
}

TEST(DesiredState, ALeaseIsItsPeersAllowedIpAndWhereItsRulesHold) {
  config::PeerConfig guest = peer("guest", 1);
  guest.group = {"guests", {}};
  config::Config config = server_with({guest, peer("other", 2)});
  config.groups.push_back({.name = {"guests", {}}, .allow = {}});
  Inputs inputs = inputs_of(config);
  inputs.leases[key(1)] = {.key = key(1), .addresses = {address("10.8.0.7")}};
  const DesiredState state = desired_state(inputs);
  EXPECT_THAT(allowed_ips(state.peers[0]), ElementsAre("10.8.0.7/32"));
  EXPECT_THAT(allowed_ips(state.peers[1]), ElementsAre());
  ASSERT_EQ(state.plan.access.peers.size(), 2U);
  EXPECT_THAT(state.plan.access.peers[0].networks, ElementsAre(prefix("10.8.0.7/32")));
}

TEST(DesiredState, ClientsAreIsolatedButNotWhoIsCalledAndOnlyWhereItIsAskedFor) {
  config::Config config = server_with({peer("client", 1), reached_at(peer("site", 2), "192.0.2.1:1")});
  config.server->value.client_to_client = false;
  EXPECT_TRUE(desired_state(inputs_of(config)).peers[0].isolated);
  EXPECT_FALSE(desired_state(inputs_of(config)).peers[1].isolated);
  config.server->value.client_to_client = true;
  EXPECT_FALSE(desired_state(inputs_of(config)).peers[0].isolated);
}

TEST(DesiredState, WhatAClientHasAcceptedIsOnTheHostAndAtItsServer) {
  config::Config config = host_with({reached_at(peer("office", 1), "192.0.2.1:1")});
  config.client.emplace();
  Inputs inputs = inputs_of(config);
  EXPECT_EQ(desired_state(inputs).peers[0].config.persistent_keepalive, std::chrono::seconds(25));
  inputs.accepted.server = key(1);
  inputs.accepted.addresses = {address("10.8.0.9")};
  inputs.accepted.routes = {prefix("192.168.7.0/24")};
  inputs.accepted.keepalive = std::chrono::seconds(10);
  inputs.accepted.mtu = 1300;
  const DesiredState state = desired_state(inputs);
  EXPECT_THAT(words(state), Contains("address 10.8.0.9/32 dev tun0"));
  EXPECT_THAT(words(state), Contains("route 192.168.7.0/24 dev tun0"));
  EXPECT_THAT(allowed_ips(state.peers[0]), ElementsAre("192.168.7.0/24"));
  EXPECT_EQ(state.peers[0].config.persistent_keepalive, std::chrono::seconds(10));
  EXPECT_EQ(state.mtu, 1300U);
}

TEST(DesiredState, AFullTunnelIsOnHoldUntilItsEndpointsNameIsKnown) {
  Inputs inputs =
      inputs_of(host_with({reached_at(peer("office", 1, {"0.0.0.0/0"}), "vpn.example.org:51820")}));
  const auto leads_into_it = [](const DesiredState& state) {
    return std::ranges::any_of(state.changes,
                               [](const auto& change) { return std::holds_alternative<RuleAdded>(change); });
  };
  EXPECT_TRUE(desired_state(inputs).plan.hold_full_tunnel);
  EXPECT_FALSE(leads_into_it(desired_state(inputs)));
  inputs.surroundings.located.insert(key(1));
  EXPECT_FALSE(desired_state(inputs).plan.hold_full_tunnel);
  EXPECT_TRUE(leads_into_it(desired_state(inputs)));
  // An address needs no look-up.
  EXPECT_TRUE(leads_into_it(desired_state(
      inputs_of(host_with({reached_at(peer("office", 1, {"0.0.0.0/0"}), "192.0.2.1:51820")})))));
}

TEST(DesiredState, NameServersBehindAPeerWhoseNameIsUnknownAreOnHoldAlone) {
  config::Config config = host_with({reached_at(peer("office", 1, {"10.9.0.0/24"}), "vpn.example.org:1")});
  config.interface.dns.servers.push_back({address("10.9.0.53"), {}});
  Inputs inputs = inputs_of(config);
  EXPECT_TRUE(desired_state(inputs).plan.hold_dns);
  EXPECT_FALSE(desired_state(inputs).plan.hold_full_tunnel);
  EXPECT_THAT(words(desired_state(inputs)), Contains("route 10.9.0.0/24 dev tun0"));
  EXPECT_THAT(words(desired_state(inputs)), Not(Contains("dns 10.9.0.53 for all names dev tun0")));
  inputs.surroundings.located.insert(key(1));
  EXPECT_THAT(words(desired_state(inputs)), Contains("dns 10.9.0.53 for all names dev tun0"));
}

TEST(DesiredState, TheDeviceFollowsThePathToASinglePeerOnly) {
  Inputs inputs = inputs_of(host_with({peer("a", 1)}));
  inputs.found_mtu = 1380;
  EXPECT_TRUE(desired_state(inputs).follows_path);
  EXPECT_EQ(desired_state(inputs).mtu, 1380U);
  EXPECT_THAT(words(desired_state(inputs)), Contains("link tun0 up, mtu 1380"));

  Inputs several = inputs_of(host_with({peer("a", 1), peer("b", 2)}));
  several.found_mtu = 1380;
  EXPECT_FALSE(desired_state(several).follows_path);
  EXPECT_EQ(desired_state(several).mtu, 1420U);
  EXPECT_EQ(desired_state(several).path.most, 1420U);
}

TEST(DesiredState, AnMtuThatSomebodyHasSetIsNotQuestioned) {
  config::Config config = host_with({peer("a", 1)});
  config.interface.mtu = 1400;
  Inputs inputs = inputs_of(config);
  inputs.found_mtu = 1300;
  const DesiredState state = desired_state(inputs);
  EXPECT_EQ(state.mtu, 1400U);
  EXPECT_FALSE(state.follows_path);
  EXPECT_FALSE(state.path.hold);
}

TEST(DesiredState, WithoutThePowerToChangeItTheDeviceKeepsWhatItHas) {
  Inputs inputs = inputs_of(host_with({peer("a", 1)}));
  inputs.surroundings.found_device = net::Link();
  inputs.surroundings.found_device->mtu = 1234;
  inputs.found_mtu = 1300;
  const DesiredState state = desired_state(inputs);
  EXPECT_EQ(state.mtu, 1234U);
  EXPECT_FALSE(state.follows_path);
}

TEST(DesiredState, AKillSwitchLetsOutThePortsThatTheSocketsHave) {
  config::Config config = host_with({reached_at(peer("a", 1, {"0.0.0.0/0"}), "192.0.2.1:1")});
  config.client.emplace().value.kill_switch = true;
  Inputs inputs = inputs_of(config);
  inputs.surroundings.outer_ports = {40000};
  const DesiredState before = desired_state(inputs);
  inputs.surroundings.outer_ports = {40001};
  const DesiredState after = desired_state(inputs);
  EXPECT_NE(after.changes, before.changes);
  EXPECT_EQ(after.plan.outer_ports, std::vector<std::uint16_t>{40001});
}

}  // namespace
}  // namespace tunneld::daemon
