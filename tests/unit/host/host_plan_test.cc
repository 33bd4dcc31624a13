#include "daemon/host/host_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/host/firewall.h"
#include "tests/unit/addresses.h"

namespace tunneld::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<net::IpPrefix> prefixes(std::initializer_list<const char*> texts) {
  std::vector<net::IpPrefix> result;
  for (const char* text : texts) result.push_back(prefix(text));
  return result;
}

HostPlan plan_of(std::initializer_list<const char*> addresses,
                 std::initializer_list<const char*> allowed_ips) {
  return {.interface = "tun0",
          .mtu = 1420,
          .addresses = prefixes(addresses),
          .allowed_ips = prefixes(allowed_ips),
          .table = net::kMainTable,
          .metric = std::nullopt,
          .dns_servers = {},
          .dns_search = {}};
}

std::vector<std::string> words(const HostPlan& plan) {
  std::vector<std::string> result;
  for (const HostChange& change : changes_of(plan)) result.push_back(in_words(change));
  return result;
}

TEST(HostPlan, LinkThenAddressesThenRoutes) {
  EXPECT_THAT(
      words(plan_of({"10.255.0.0/31", "fd08::1/64"}, {"10.20.0.0/16", "fd20::/48"})),
      ElementsAre("link tun0 up, mtu 1420", "address 10.255.0.0/31 dev tun0", "address fd08::1/64 dev tun0",
                  "route 10.20.0.0/16 dev tun0", "route fd20::/48 dev tun0"));
}

TEST(HostPlan, NoRouteWhereTheInterfacesOwnNetworkLeadsAlready) {
  EXPECT_THAT(
      words(plan_of({"10.8.0.1/24", "fd08::1/64"}, {"10.8.0.2/32", "10.8.0.0/24", "fd08::2/128"})),
      ElementsAre("link tun0 up, mtu 1420", "address 10.8.0.1/24 dev tun0", "address fd08::1/64 dev tun0"));
  // A wider network than the interface's own needs its route.
  EXPECT_THAT(words(plan_of({"10.8.0.1/24"}, {"10.8.0.0/16"})),
              ::testing::Contains("route 10.8.0.0/16 dev tun0"));
}

TEST(HostPlan, AnotherTableHasNoConnectedRoutesAndGetsThemAll) {
  HostPlan plan = plan_of({"10.8.0.1/24"}, {"10.8.0.2/32", "0.0.0.0/0"});
  plan.table = 51820;
  plan.metric = 50;
  EXPECT_THAT(words(plan),
              ElementsAre("nft table inet tunneld-tun0", "link tun0 up, mtu 1420",
                          "address 10.8.0.1/24 dev tun0", "route 10.8.0.2/32 dev tun0 table 51820 metric 50",
                          "route 0.0.0.0/0 dev tun0 table 51820 metric 50"));
}

TEST(HostPlan, RoutesCanBeTurnedOff) {
  HostPlan plan = plan_of({}, {"10.20.0.0/16", "0.0.0.0/0"});
  plan.table = std::nullopt;
  EXPECT_THAT(words(plan), ElementsAre("link tun0 up, mtu 1420"));
}

TEST(HostPlan, AFullTunnelHasATableOfItsOwnAndARuleBeforeTheMainOne) {
  HostPlan plan = plan_of({"10.8.0.2/24"}, {"0.0.0.0/0", "10.20.0.0/16", "fd20::/48"});
  plan.fwmark = 51820;
  plan.local_networks = prefixes({"192.168.0.0/16", "fe80::/10"});
  EXPECT_THAT(
      words(plan),
      ElementsAre("nft table inet tunneld-tun0", "link tun0 up, mtu 1420", "address 10.8.0.2/24 dev tun0",
                  "route fd20::/48 dev tun0", "sysctl net/ipv4/conf/all/src_valid_mark = 1",
                  "route 0.0.0.0/0 dev tun0 table 51820", "rule 32700: to 192.168.0.0/16 table 254",
                  "rule 32701: not fwmark 51820 table 51820"));
  plan.allowed_ips.push_back(prefix("::/0"));
  EXPECT_THAT(words(plan), ::testing::IsSupersetOf({"route ::/0 dev tun0 table 51820",
                                                    "rule -6 32700: to fe80::/10 table 254",
                                                    "rule -6 32701: not fwmark 51820 table 51820"}));
}

TEST(HostPlan, AFullTunnelLeavesOutsideWhatOtherInterfacesAreConnectedTo) {
  HostPlan plan = plan_of({"10.8.0.2/24", "10.9.0.7/32"}, {"0.0.0.0/0", "10.20.0.0/16"});
  plan.fwmark = 51820;
  plan.named_networks = prefixes({"10.8.0.0/24", "10.20.0.0/16", "172.16.5.5/32"});
  plan.connected_networks = prefixes({"192.168.1.0/24", "10.9.0.0/24", "2001:db8::/64"});
  EXPECT_THAT(words(plan),
              ::testing::IsSupersetOf({"rule 32580: to 192.168.1.0/24 table 254 suppress_prefixlength 23",
                                       "rule 32580: to 10.9.0.0/24 table 254 suppress_prefixlength 23"}));
  EXPECT_THAT(words(plan), ::testing::Not(::testing::Contains(::testing::HasSubstr("2001:db8"))))
      << "IPv6 has no full tunnel";
  // A network that holds what is the tunnel's by name: its own, a named one, a name server.
  for (const char* network : {"10.8.0.0/16", "10.20.0.0/15", "10.20.0.0/16", "172.16.0.0/12"}) {
    plan.connected_networks = prefixes({network});
    EXPECT_THAT(plan.left_outside(), ::testing::IsEmpty()) << network;
  }
  plan.connected_networks = prefixes({"10.20.7.0/24"});
  EXPECT_THAT(plan.left_outside(), ::testing::SizeIs(1)) << "within what the tunnel has";
  plan.kill_switch = true;
  EXPECT_THAT(plan.left_outside(), ::testing::IsEmpty());
}

TEST(HostPlan, OnlyTheFileTakesWhatOtherInterfacesAreConnectedTo) {
  config::Config config;
  config.client.emplace();
  config.routes.table = net::kMainTable;
  config.peers.emplace_back().allowed_ips = {{prefix("0.0.0.0/0"), {}}};
  const AcceptedConfig pushed{
      .server = std::nullopt,
      .addresses = {address("192.168.1.201")},
      .routes = prefixes({"192.168.1.200/32", "192.168.1.0/24"}),
      .dns_servers = {address("192.168.1.53")},
      .dns_search = {},
      .mtu = std::nullopt,
      .keepalive = std::nullopt,
  };
  const auto left_outside = [&] {
    HostPlan plan = host_plan(config, pushed);
    plan.connected_networks = prefixes({"192.168.1.0/24"});
    return plan.left_outside();
  };
  EXPECT_EQ(left_outside(), prefixes({"192.168.1.0/24"})) << "a server's word takes nothing";
  config.interface.addresses = {{prefix("192.168.1.202/32"), {}}};
  EXPECT_EQ(left_outside(), prefixes({"192.168.1.0/24"})) << "an address alone is no network";
  const config::Config other = config;
  config.interface.addresses = {{prefix("192.168.1.202/25"), {}}};
  EXPECT_THAT(left_outside(), ::testing::IsEmpty());
  config = other;
  config.peers[0].allowed_ips.push_back({prefix("192.168.1.7/32"), {}});
  EXPECT_THAT(left_outside(), ::testing::IsEmpty());
  config = other;
  config.interface.dns.servers = {{address("192.168.1.9"), {}}};
  EXPECT_THAT(left_outside(), ::testing::IsEmpty());
}

TEST(HostPlan, InATableOfItsOwnADefaultRouteGoesAroundLocalNetworks) {
  HostPlan plan = plan_of({}, {"0.0.0.0/0", "10.0.0.0/8"});
  plan.table = 100;
  plan.local_networks = prefixes({"128.0.0.0/2", "fe80::/10"});
  EXPECT_THAT(words(plan),
              ElementsAre("link tun0 up, mtu 1420", "route 0.0.0.0/1 dev tun0 table 100",
                          "route 192.0.0.0/2 dev tun0 table 100", "route 10.0.0.0/8 dev tun0 table 100"));
  EXPECT_TRUE(plan.takes_everything()) << "it is a default route all the same";
}

TEST(HostPlan, AFullTunnelOfOneFamilyLeavesTheOther) {
  EXPECT_EQ(plan_of({}, {"10.0.0.0/8"}).uncovered_family(), std::nullopt);
  EXPECT_EQ(plan_of({}, {"0.0.0.0/0"}).uncovered_family(), net::Family::kIpv6);
  EXPECT_EQ(plan_of({}, {"::/0"}).uncovered_family(), net::Family::kIpv4);
  HostPlan both = plan_of({}, {"::/0", "0.0.0.0/0"});
  EXPECT_EQ(both.uncovered_family(), std::nullopt);
  both.allowed_ips.pop_back();
  both.kill_switch = true;
  EXPECT_EQ(both.uncovered_family(), std::nullopt);
}

TEST(HostPlan, AFullTunnelCanWaitForItsEndpoint) {
  HostPlan plan = plan_of({"10.8.0.2/24"}, {"0.0.0.0/0", "fd20::/48"});
  plan.fwmark = 51820;
  plan.hold_full_tunnel = true;
  EXPECT_THAT(words(plan), ElementsAre("nft table inet tunneld-tun0", "link tun0 up, mtu 1420",
                                       "address 10.8.0.2/24 dev tun0", "route fd20::/48 dev tun0"));
}

TEST(HostPlan, NameServersComeLastAndAnswerForAllNamesOrForTheirDomains) {
  HostPlan plan = plan_of({}, {"10.20.0.0/16"});
  plan.dns_servers = {net::IpAddress::parse("10.8.0.1").value(), net::IpAddress::parse("fd08::1").value()};
  EXPECT_EQ(words(plan).back(), "dns 10.8.0.1 fd08::1 for all names dev tun0");
  plan.dns_search = {"corp.example"};
  EXPECT_EQ(words(plan).back(), "dns 10.8.0.1 fd08::1 domains corp.example dev tun0");
  plan.allowed_ips.push_back(prefix("::/0"));
  plan.table = 777;
  EXPECT_EQ(words(plan).back(), "dns 10.8.0.1 fd08::1 domains corp.example for all names dev tun0");
  plan.hold_dns = true;
  EXPECT_THAT(words(plan), ::testing::Not(::testing::Contains(::testing::StartsWith("dns"))));
  plan.hold_dns = false;
  plan.dns_servers.clear();
  EXPECT_EQ(words(plan).back(), "dns domains corp.example dev tun0");
}

TEST(HostPlan, TheSameNetworkTwiceIsOneRoute) {
  EXPECT_THAT(words(plan_of({}, {"10.20.0.0/16", "10.20.0.0/16"})),
              ElementsAre("link tun0 up, mtu 1420", "route 10.20.0.0/16 dev tun0"));
}

TEST(HostPlan, ATapHasAnAddressThatIsAlwaysTheSame) {
  config::Config config;
  config.interface.name.value = "tap0";
  config.interface.type = config::DeviceType::kTap;
  const crypto::PublicKey key =
      *crypto::PublicKey::from_base64("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
  const HostPlan plan = host_plan(config, {}, key);
  ASSERT_TRUE(plan.mac_address);
  EXPECT_EQ(plan.mac_address, derived_mac_address(key));
  EXPECT_TRUE(plan.mac_address->is_station());
  EXPECT_EQ(plan.mac_address->bytes()[0], 0xfe) << "above those of real cards";
  EXPECT_THAT(
      words(plan),
      ElementsAre("nft table inet tunneld-tap0", "nft table netdev tunneld-tap0: what peers send is marked",
                  "sysctl net/ipv6/conf/tap0/accept_ra = 0", "sysctl net/ipv6/conf/tap0/accept_redirects = 0",
                  "link tap0 address " + plan.mac_address->to_string(), "link tap0 up, mtu 1396"));
  config.interface.mac_address = {*net::MacAddress::parse("02:00:00:00:00:01"), {}};
  EXPECT_THAT(
      words(host_plan(config, {}, key)),
      ElementsAre("nft table inet tunneld-tap0", "nft table netdev tunneld-tap0: what peers send is marked",
                  "sysctl net/ipv6/conf/tap0/accept_ra = 0", "sysctl net/ipv6/conf/tap0/accept_redirects = 0",
                  "link tap0 address 02:00:00:00:00:01", "link tap0 up, mtu 1396"));
  config.interface.type = config::DeviceType::kTun;
  EXPECT_FALSE(host_plan(config, {}, key).mac_address);
}

TEST(HostPlan, ATapBecomesAPortOfItsBridgeWhichHasTheAddresses) {
  HostPlan plan = plan_of({"10.20.0.1/24"}, {});
  plan.interface = "tap0";
  plan.is_tap = true;
  plan.bridge = config::BridgeConfig{.name = {.value = "br0", .at = {}}, .members = {}};
  EXPECT_THAT(words(plan),
              ElementsAre("link tap0 master br0", "link tap0 up, mtu 1420", "address 10.20.0.1/24 dev br0"));
  plan.bridge->create = plan.bridge->stp = true;
  plan.bridge->members.push_back({.value = "eth1", .at = {}});
  EXPECT_THAT(words(plan),
              ElementsAre("bridge br0 up, stp on", "link eth1 master br0, up", "link tap0 master br0",
                          "link tap0 up, mtu 1420", "address 10.20.0.1/24 dev br0"));
}

TEST(HostPlan, NoPeerOfATapIsThisHostsRouterAndPeersAreKeptApart) {
  config::Config config;
  config.interface.name.value = "tap0";
  config.interface.type = config::DeviceType::kTap;
  config.peers.resize(2);
  EXPECT_THAT(words(host_plan(config)),
              ElementsAre("nft table inet tunneld-tap0",
                          "nft table netdev tunneld-tap0: what peers send is marked, peers kept apart",
                          "sysctl net/ipv6/conf/tap0/accept_ra = 0",
                          "sysctl net/ipv6/conf/tap0/accept_redirects = 0", "link tap0 up, mtu 1396"));
  EXPECT_THAT(firewall_of(host_plan(config))->rules,
              HasSubstr("iifname \"tap0\" oifname \"tap0\" counter name \"between-peers\" drop"));
  // On a bridge it is not the host's own settings, which are for its other ports as well.
  config.interface.bridge = config::BridgeConfig{.name = {.value = "br0", .at = {}}, .members = {}};
  EXPECT_THAT(words(host_plan(config)),
              ElementsAre("nft table inet tunneld-tap0",
                          "nft table netdev tunneld-tap0: what peers send is marked, peers kept apart",
                          "link tap0 master br0", "link tap0 up, mtu 1500"));
  config.ethernet_switch.client_to_client = true;
  EXPECT_THAT(
      words(host_plan(config)),
      ElementsAre("nft table inet tunneld-tap0", "nft table netdev tunneld-tap0: what peers send is marked",
                  "link tap0 master br0", "link tap0 up, mtu 1500"));
  config.ethernet_switch.router_advertisements = true;
  EXPECT_THAT(words(host_plan(config)), ElementsAre("link tap0 master br0", "link tap0 up, mtu 1500"));
  config.interface.bridge.reset();
  EXPECT_THAT(words(host_plan(config)), ElementsAre("link tap0 up, mtu 1396"));
}

TEST(HostPlan, WhatPeersOfATapSendIsKnownByItsMarkWhateverStandsOnTheTap) {
  config::Config config;
  config.interface.name.value = "tap0";
  config.interface.type = config::DeviceType::kTap;
  config.peers.resize(1);
  const auto table_of = [&config] { return *firewall_of(host_plan(config)); };
  EXPECT_THAT(table_of().rules, HasSubstr("meta mark & 0x1f000000 == 0x15000000 icmpv6 type"));
  EXPECT_TRUE(table_of().is_wish) << "the device's own settings do for a tap alone";
  EXPECT_NE(peers_mark("tap0"), peers_mark("tap1"));
  config.interface.bridge = config::BridgeConfig{.name = {.value = "br0", .at = {}}, .members = {}};
  EXPECT_FALSE(table_of().is_wish);
  config.interface.bridge.reset();
  config.peers.resize(2);
  EXPECT_FALSE(table_of().is_wish);
  EXPECT_THAT(table_of().rules, HasSubstr("meta mark set meta mark & 0xe0ffffff"));
  const TapFilter filter{.interface = {"tap0"}, .isolates = true};
  EXPECT_THAT(filter.nft_text(), HasSubstr("meta mark set meta mark & 0xe0ffffff | 0x15000000"));
  EXPECT_THAT(filter.nft_text(), HasSubstr("meta mark & 0x1f000000 == 0x15000000 drop"));
}

TEST(HostPlan, ARestrictedServerIsRestrictedInWhatItPushesAsWell) {
  config::Config config;
  config.interface.name.value = "tun0";
  config.client = config::Located<config::ClientConfig>();
  config::PeerConfig server;
  server.name.value = "server";
  server.public_key.value = crypto::PublicKey(std::array<std::uint8_t, 32>{1});
  server.allow.emplace();  // reaches nothing here
  config.peers.push_back(server);
  AcceptedConfig accepted;
  accepted.server = server.public_key.value;
  accepted.routes = {prefix("10.20.0.0/16")};
  const HostPlan plan = host_plan(config, accepted, std::nullopt);
  ASSERT_EQ(plan.access.peers.size(), 1U);
  EXPECT_EQ(plan.access.peers[0].networks, prefixes({"10.20.0.0/16"}));
}

}  // namespace
}  // namespace tunneld::daemon
