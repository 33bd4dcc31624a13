// What a client takes from its server is what its own configuration says, and never more.
#include "daemon/accept_policy.h"

#include <gtest/gtest.h>

namespace tunneld::daemon {
namespace {

net::IpPrefix prefix(const char* text) {
  return *net::IpPrefix::parse(text);
}
net::IpAddress address(const char* text) {
  return *net::IpAddress::parse(text);
}

const crypto::PublicKey kServer(std::array<std::uint8_t, 32>{1});

struct Client {
  Client() {
    config.client = config::Located<config::ClientConfig>();
    config::PeerConfig server;
    server.public_key.value = kServer;
    config.peers.push_back(server);
    message.addresses = {address("10.8.0.5"), address("fd08::5")};
    message.routes = {prefix("10.8.0.0/24"), prefix("192.168.10.0/24"), prefix("0.0.0.0/0"),
                      prefix("128.0.0.0/1")};
    message.dns_servers = {address("10.8.0.1")};
    message.dns_search = {"corp.example"};
    message.mtu = 1400;
    message.keepalive = 20;
  }
  config::AcceptConfig& accept() { return config.client->value.accept; }
  Acceptance decided() { return decide(message, config, kServer, {address("192.0.2.1")}); }

  config::Config config;
  protocol::ConfigMessage message;
};

TEST(AcceptPolicy, TakesAllButDefaultRoutesUnlessToldOtherwise) {
  Client client;
  const Acceptance result = client.decided();
  EXPECT_EQ(result.accepted.addresses, client.message.addresses);
  EXPECT_EQ(result.accepted.routes, (std::vector{prefix("10.8.0.0/24"), prefix("192.168.10.0/24")}));
  EXPECT_EQ(result.accepted.dns_search, client.message.dns_search);
  EXPECT_EQ(result.accepted.mtu, 1400U);
  EXPECT_EQ(result.accepted.keepalive, std::chrono::seconds(20));
  EXPECT_EQ(result.refused.size(), 2U) << "both halves of a default route";
}

TEST(AcceptPolicy, DefaultRoutesNeedTheirOwnWord) {
  Client client;
  client.accept().default_route = true;
  client.accept().routes = false;
  const Acceptance result = client.decided();
  EXPECT_EQ(result.accepted.routes, (std::vector{prefix("0.0.0.0/0"), prefix("128.0.0.0/1")}));
}

TEST(AcceptPolicy, AListOfRoutesIsABound) {
  Client client;
  client.accept().routes_within = {{prefix("192.168.0.0/16"), {}}};
  client.message.routes = {prefix("192.168.10.0/24"), prefix("192.168.0.0/16"), prefix("192.0.0.0/8"),
                           prefix("10.8.0.0/24")};
  const Acceptance result = client.decided();
  EXPECT_EQ(result.accepted.routes, (std::vector{prefix("192.168.10.0/24"), prefix("192.168.0.0/16")}));
  EXPECT_EQ(result.refused.size(), 2U);
}

TEST(AcceptPolicy, ARouteToTheServerItselfWouldBeALoop) {
  Client client;
  client.message.routes = {prefix("192.0.2.0/24"), prefix("192.0.2.1/32"), prefix("192.0.3.0/24")};
  EXPECT_EQ(client.decided().accepted.routes, std::vector{prefix("192.0.3.0/24")});
}

TEST(AcceptPolicy, WhatIsBehindAnotherPeerStaysThere) {
  Client client;
  config::PeerConfig other;
  other.name.value = "other";
  other.public_key.value = crypto::PublicKey(std::array<std::uint8_t, 32>{2});
  other.allowed_ips = {{prefix("192.168.10.0/24"), {}}};
  client.config.peers.push_back(other);
  EXPECT_EQ(client.decided().accepted.routes, std::vector{prefix("10.8.0.0/24")});
}

TEST(AcceptPolicy, NoMoreSpecificRouteTakesWhatIsBehindAnotherPeer) {
  Client client;
  config::PeerConfig other;
  other.name.value = "other";
  other.public_key.value = crypto::PublicKey(std::array<std::uint8_t, 32>{2});
  other.allowed_ips = {{prefix("10.20.0.0/16"), {}}, {prefix("0.0.0.0/0"), {}}};
  client.config.peers.push_back(other);
  client.message.routes = {prefix("10.20.0.0/17"), prefix("10.20.128.0/17"), prefix("10.0.0.0/8")};
  EXPECT_EQ(client.decided().accepted.routes, std::vector{prefix("10.0.0.0/8")});
}

TEST(AcceptPolicy, ADefaultRouteInPiecesIsOne) {
  Client client;
  // All that is assigned of IPv6, in eight pieces.
  client.message.routes.clear();
  for (const char* part : {"2000::/7", "2400::/7", "2600::/7", "2800::/7", "2a00::/7", "2c00::/7"})
    client.message.routes.push_back(prefix(part));
  EXPECT_TRUE(client.decided().accepted.routes.empty());
  // A third of IPv4, beside what is private.
  client.message.routes = {prefix("10.0.0.0/8"), prefix("192.168.10.0/24"), prefix("fd00::/8")};
  const auto harmless = client.message.routes;
  for (int i = 20; i < 100; ++i)
    client.message.routes.push_back(prefix((std::to_string(i) + ".0.0.0/8").c_str()));
  EXPECT_EQ(client.decided().accepted.routes, harmless);
  // Who has said which networks, or that all is welcome, gets them.
  client.accept().routes_within = {{prefix("0.0.0.0/0"), {}}};
  EXPECT_EQ(client.decided().accepted.routes.size(), 82U);
  client.accept().routes_within.clear();
  client.accept().default_route = true;
  EXPECT_EQ(client.decided().accepted.routes.size(), 83U);
}

TEST(AcceptPolicy, LocalNetworksAreNeverTheServers) {
  Client client;
  client.config.client->value.local_networks = {{prefix("192.168.1.0/24"), {}}};
  client.message.addresses = {address("10.8.0.5"), address("192.168.1.1")};
  client.message.routes = {prefix("192.168.1.0/25"), prefix("192.168.1.0/24"), prefix("192.168.0.0/16")};
  const Acceptance result = client.decided();
  EXPECT_EQ(result.accepted.addresses, std::vector{address("10.8.0.5")});
  EXPECT_EQ(result.accepted.routes, std::vector{prefix("192.168.0.0/16")});
}

TEST(AcceptPolicy, TheServersOwnAddressIsNotOurs) {
  Client client;
  client.message.addresses = {address("10.8.0.5"), address("192.0.2.1")};
  EXPECT_EQ(client.decided().accepted.addresses, std::vector{address("10.8.0.5")});
}

TEST(AcceptPolicy, AnMtuThatEndsOurOwnIpv6IsRefused) {
  Client client;
  client.message.addresses = {address("10.8.0.5")};
  client.message.routes.clear();
  client.message.mtu = 1000;
  client.config.interface.addresses = {{prefix("fd08::7/64"), {}}};
  EXPECT_FALSE(client.decided().accepted.mtu);
  client.config.interface.addresses.clear();
  client.message.routes = {prefix("fd20::/48")};
  EXPECT_FALSE(client.decided().accepted.mtu);
  client.message.routes.clear();
  client.config.peers[0].allowed_ips = {{prefix("::/0"), {}}};
  EXPECT_FALSE(client.decided().accepted.mtu);
  client.config.peers[0].allowed_ips.clear();
  EXPECT_EQ(client.decided().accepted.mtu, 1000U);
}

TEST(AcceptPolicy, EverythingCanBeRefused) {
  Client client;
  client.accept() = {.addresses = false,
                     .routes = false,
                     .routes_within = {},
                     .default_route = false,
                     .dns = false,
                     .mtu = false,
                     .keepalive = false};
  const Acceptance result = client.decided();
  AcceptedConfig nothing;
  nothing.server = kServer;
  EXPECT_EQ(result.accepted, nothing);
  EXPECT_EQ(result.refused.size(), 2U + 4U + 1U + 1U + 1U);
}

TEST(AcceptPolicy, OurOwnMtuWinsAndIpv6NeedsItsOwn) {
  Client client;
  client.message.mtu = 1000;
  EXPECT_FALSE(client.decided().accepted.mtu);
  client.message.addresses = {address("10.8.0.5")};
  EXPECT_EQ(client.decided().accepted.mtu, 1000U);
  client.config.interface.mtu = 1300;
  EXPECT_FALSE(client.decided().accepted.mtu);
}

}  // namespace
}  // namespace tunneld::daemon
