// What a client takes from its server is what its own configuration says, and never more.
#include "daemon/push/accept_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/host/route_coverage.h"
#include "tests/unit/addresses.h"

namespace tunneld::daemon {
namespace {

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
  Acceptance decided() { return decide(message, config, kServer, {address("192.0.2.1")}, host); }
  std::vector<net::IpPrefix> routes_of(const std::vector<const char*>& texts) {
    message.routes.clear();
    for (const char* text : texts) message.routes.push_back(prefix(text));
    return decided().accepted.routes;
  }

  config::Config config;
  protocol::ConfigMessage message;
  HostNetworks host;
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
  EXPECT_EQ(result.accepted.routes, std::vector{prefix("0.0.0.0/0")});
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
  EXPECT_EQ(result.accepted.routes,
            (std::vector{prefix("192.168.128.0/17"), prefix("192.168.64.0/18"), prefix("192.168.32.0/19"),
                         prefix("192.168.16.0/20"), prefix("192.168.8.0/21"), prefix("192.168.4.0/22"),
                         prefix("192.168.2.0/23"), prefix("192.168.0.0/24")}))
      << "the rest of what holds them, around them";
  EXPECT_EQ(result.refused.back(), "a part of route 192.168.0.0/16 (it is in 'local_networks')");
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

TEST(AcceptPolicy, Nat64IsADefaultRouteInOneOrMorePieces) {
  Client client;
  EXPECT_EQ(client.routes_of({"64:ff9b::/96", "198.51.100.0/24"}), std::vector{prefix("198.51.100.0/24")});
  EXPECT_TRUE(client.routes_of({"64:ff9b:1::/48"}).empty());
  EXPECT_TRUE(client.routes_of({"64:ff9b::/97", "64:ff9b::8000:0/97"}).empty());
  std::vector<net::IpPrefix>& routes = client.message.routes;
  routes.clear();
  // A sixteenth of IPv4, each piece small.
  for (unsigned i = 32; i < 48; ++i) {
    const auto byte = static_cast<std::uint8_t>(i);
    routes.push_back({net::IpAddress::v6(std::array<std::uint8_t, 16>{0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0,
                                                                      0, 0, byte, 0, 0, 0}),
                      104});
  }
  EXPECT_TRUE(client.decided().accepted.routes.empty());
  EXPECT_EQ(client.routes_of({"64:ff9b::c633:6400/120"}).size(), 1U)
      << "a single network behind it is no more";
  client.accept().default_route = true;
  EXPECT_EQ(client.routes_of({"64:ff9b::/96"}).size(), 1U);
}

TEST(AcceptPolicy, ADefaultRouteInPiecesBecomesOne) {
  Client client;
  client.accept().default_route = true;
  EXPECT_EQ(client.routes_of({"128.0.0.0/1", "10.8.0.0/24", "0.0.0.0/1"}),
            (std::vector{prefix("10.8.0.0/24"), prefix("0.0.0.0/0")}));
  EXPECT_EQ(client.routes_of({"2000::/4", "3000::/4"}), std::vector{prefix("::/0")});
  // The pieces that are never routed are not missed.
  std::vector<net::IpPrefix>& routes = client.message.routes;
  routes.clear();
  for (unsigned i = 1; i < 224; ++i) {
    if (i == 127) continue;
    routes.push_back({net::IpAddress::v4(std::array{static_cast<std::uint8_t>(i), std::uint8_t{0},
                                                    std::uint8_t{0}, std::uint8_t{0}}),
                      8});
  }
  EXPECT_EQ(client.decided().accepted.routes, (std::vector{prefix("10.0.0.0/8"), prefix("0.0.0.0/0")}));
  // One half by the configuration, the other by the server.
  client.config.peers[0].allowed_ips = {{prefix("0.0.0.0/1"), {}}};
  EXPECT_EQ(client.routes_of({"128.0.0.0/1"}), std::vector{prefix("0.0.0.0/0")});
  client.config.peers[0].allowed_ips.clear();
  // A part alone has no rule that keeps the tunnel's own packets out of it.
  EXPECT_EQ(client.routes_of({"128.0.0.0/1"}), std::vector<net::IpPrefix>{});
  EXPECT_EQ(client.routes_of({"0.0.0.0/1"}), std::vector{prefix("0.0.0.0/1")});
}

TEST(AcceptPolicy, ADefaultRouteWithTheUsualHolesIsOne) {
  Client client;
  client.accept().default_route = true;
  client.message.addresses.clear();
  client.message.routes = without(prefix("0.0.0.0/0"), prefix("192.0.2.1/32"));
  EXPECT_EQ(client.decided().accepted.routes, std::vector{prefix("0.0.0.0/0")})
      << "without the server itself";
  client.accept().routes = false;
  EXPECT_EQ(client.decided().accepted.routes, std::vector{prefix("0.0.0.0/0")}) << "small pieces of it";
  client.accept().routes = true;
  const auto without_all = [](std::initializer_list<const char*> holes) {
    std::vector<net::IpPrefix> pieces{prefix("0.0.0.0/0")};
    for (const char* hole : holes) pieces = without(pieces, prefix(hole));
    return pieces;
  };
  client.message.routes = without_all({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"});
  EXPECT_EQ(client.decided().accepted.routes, std::vector{prefix("0.0.0.0/0")}) << "without private networks";
  client.message.routes = without_all({"203.0.113.0/24"});
  EXPECT_EQ(client.decided().accepted.routes.size(), 24U - 1U) << "a hole of another kind, and a loop";
  client.host.connected = {{"eth0", prefix("203.0.113.9/24")}};
  EXPECT_EQ(client.decided().accepted.routes, std::vector{prefix("0.0.0.0/0")}) << "without the host's own";
  client.host.connected.clear();
  client.config.client->value.local_networks = {{prefix("203.0.113.0/24"), {}}};
  EXPECT_EQ(client.decided().accepted.routes, std::vector{prefix("0.0.0.0/0")}) << "without local_networks";
}

TEST(AcceptPolicy, WhatTheHostIsConnectedToStaysItsOwn) {
  Client client;
  client.host.connected = {{"eth0", prefix("192.168.1.20/24")}, {"eth1", prefix("10.0.0.7/8")}};
  client.host.gateways = {address("192.168.1.1"), address("172.31.1.1")};
  client.message.addresses = {address("192.168.1.1"), address("192.168.1.77"), address("172.31.1.1"),
                              address("172.20.0.5")};
  client.message.routes = {prefix("192.168.1.0/24"),   prefix("192.168.1.1/32"), prefix("172.20.0.0/24"),
                           prefix("192.168.1.200/32"), prefix("10.8.0.0/24"),    prefix("172.31.1.1/32"),
                           prefix("192.168.0.0/16")};
  client.message.dns_servers.clear();
  const Acceptance result = client.decided();
  EXPECT_EQ(result.accepted.addresses, std::vector{address("172.20.0.5")});
  EXPECT_EQ(result.accepted.routes, (std::vector{prefix("172.20.0.0/24"), prefix("192.168.0.0/16")}));
  ASSERT_EQ(result.refused.size(), 8U);
  EXPECT_EQ(result.refused[0], "address 192.168.1.1 (this host is connected to its network by eth0)");
  EXPECT_EQ(result.refused[2], "address 172.31.1.1 (it is this host's gateway)");
  EXPECT_EQ(result.refused[3], "route 192.168.1.0/24 (this host is connected to it by eth0)");
  EXPECT_EQ(result.refused[5], "route 192.168.1.200/32 (this host is connected to 192.168.1.0/24 by eth0)");
  EXPECT_EQ(result.refused[6], "route 10.8.0.0/24 (this host is connected to 10.0.0.0/8 by eth1)");
  EXPECT_EQ(result.refused[7], "route 172.31.1.1/32 (it is this host's gateway)");
  // In a table of their own, routes are in nobody's way.
  client.config.routes.table = 100;
  EXPECT_EQ(client.decided().accepted.routes.size(), 7U);
}

TEST(AcceptPolicy, ANameServerOfTheHostsOwnNetworksIsNotTheServers) {
  Client client;
  client.host.connected = {{"eth0", prefix("192.168.1.20/24")}};
  client.config.client->value.local_networks = {{prefix("172.16.0.0/12"), {}}};
  client.message.dns_servers = {address("10.8.0.1"), address("192.168.1.53"), address("172.16.5.3"),
                                address("198.51.100.53")};
  const Acceptance result = client.decided();
  EXPECT_EQ(result.accepted.dns_servers, (std::vector{address("10.8.0.1"), address("198.51.100.53")}));
  EXPECT_THAT(
      result.refused,
      ::testing::IsSupersetOf({"name server 192.168.1.53 (this host is connected to 192.168.1.0/24 by eth0)",
                               "name server 172.16.5.3 (it is in 'local_networks')"}));
  // A full tunnel leaves the network outside, and asking there would be asking in clear ...
  client.accept().default_route = true;
  EXPECT_EQ(client.decided().accepted.dns_servers.size(), 2U);
  // ... but not behind a kill switch: nothing is outside then.
  client.config.client->value.kill_switch = true;
  EXPECT_EQ(client.decided().accepted.dns_servers.size(), 3U);
}

TEST(AcceptPolicy, WhatTheFileTakesOutOfAConnectedNetworkIsTheTunnels) {
  Client client;
  client.host.connected = {{"eth1", prefix("10.0.0.7/8")}};
  client.message.addresses.clear();
  client.message.routes = {prefix("10.8.0.0/24"), prefix("10.9.0.0/24"), prefix("10.20.7.0/24"),
                           prefix("10.7.0.0/24")};
  client.message.dns_servers = {address("10.8.0.1"), address("10.9.0.1")};
  EXPECT_TRUE(client.decided().accepted.routes.empty());
  client.config.interface.addresses = {{prefix("10.8.0.5/24"), {}}, {prefix("10.9.0.1/32"), {}}};
  client.config.peers[0].allowed_ips = {{prefix("10.20.0.0/16"), {}}, {prefix("0.0.0.0/0"), {}}};
  const Acceptance result = client.decided();
  EXPECT_EQ(result.accepted.routes, (std::vector{prefix("10.8.0.0/24"), prefix("10.20.7.0/24")}));
  EXPECT_EQ(result.accepted.dns_servers, std::vector{address("10.8.0.1")});
}

TEST(AcceptPolicy, WithoutIpv6OnlyIpv6IsLeftOut) {
  Client client;
  client.host.has_ipv6 = false;
  client.message.routes = {prefix("10.20.0.0/16"), prefix("fd20::/48")};
  const Acceptance result = client.decided();
  EXPECT_EQ(result.accepted.addresses, std::vector{address("10.8.0.5")});
  EXPECT_EQ(result.accepted.routes, std::vector{prefix("10.20.0.0/16")});
  EXPECT_EQ(result.refused.size(), 2U);
}

}  // namespace
}  // namespace tunneld::daemon
