#include "daemon/host/firewall.h"

#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/host/address_ranges.h"
#include "daemon/host/changes/nft_table.h"
#include "daemon/host/host_plan.h"
#include "tests/unit/addresses.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::daemon {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

config::AccessRule rule(const char* text) {
  return std::get<config::AccessRule>(config::parse_access_rule(text));
}

TEST(AddressRanges, AreWhatTheLongestPrefixSays) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::map<net::IpPrefix, std::size_t> owners;
    for (int i = 0; i < 12; ++i) {
      const auto length = static_cast<unsigned>(24 + random() % 9);
      const bool is_last = random() % 4 == 0;  // the end of the address space
      const net::IpPrefix any{
          prefix((is_last ? "255.255.255." : "10.0.0.") + std::to_string(random() % 256)).address,
          static_cast<std::uint8_t>(length)};
      owners[any.network()] = random() % 3;
    }
    std::vector<OwnedNetwork> networks;
    for (const auto& [network, owner] : owners) networks.push_back({network, owner});
    std::ranges::shuffle(networks, random);
    const auto ranges = disjoint_ranges(networks);
    for (std::size_t i = 1; i < ranges.size(); ++i) ASSERT_LT(ranges[i - 1].last, ranges[i].first);
    for (const char* net : {"10.0.0.", "255.255.255."}) {
      for (int host = 0; host < 256; ++host) {
        const net::IpAddress address = prefix(net + std::to_string(host)).address;
        std::optional<std::size_t> expected;
        int longest = -1;
        for (const auto& [network, owner] : owners) {
          if (!network.contains(address) || network.length <= longest) continue;
          longest = network.length;
          expected = owner;
        }
        std::optional<std::size_t> found;
        for (const OwnedRange& range : ranges) {
          if (range.first <= address && address <= range.last) found = range.owner;
        }
        ASSERT_EQ(found, expected) << address.to_string();
      }
    }
  }
}

TEST(AddressRanges, OfTheWholeIpv6WithAHole) {
  const auto ranges =
      disjoint_ranges({{prefix("::/0"), 1}, {prefix("fd00::/64"), 2}, {prefix("0.0.0.0/0"), 1}});
  ASSERT_EQ(ranges.size(), 4U);
  EXPECT_EQ(ranges[0].last.to_string(), "255.255.255.255");
  EXPECT_EQ(ranges[1].last.to_string(), "fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(ranges[2].owner, 2U);
  EXPECT_EQ(ranges[3].first.to_string(), "fd00:0:0:1::");
}

class FirewallTest : public net::NamespaceTest {
 protected:
  static void expect_loads(const HostPlan& plan) {
    const auto table = firewall_of(plan);
    ASSERT_TRUE(table);
    net::Netlink netlink;
    table->apply(netlink);
    table->apply(netlink);
    EXPECT_TRUE(remove_nft_table(table->name));
  }
};

HostPlan plan() {
  HostPlan plan;
  plan.interface = "tun0";
  plan.table = 254;
  plan.fwmark = 51820;
  plan.addresses = {prefix("10.8.0.1/24"), prefix("fd08::1/64")};
  return plan;
}

TEST_F(FirewallTest, APlanWithoutRulesNeedsNone) {
  EXPECT_FALSE(firewall_of(plan()));
}

TEST_F(FirewallTest, EveryKindOfRuleIsTakenByTheKernel) {
  HostPlan all = plan();
  all.kill_switch = all.forwarding = true;
  all.masquerade = {"eth0", "a+=b.1"};
  all.local_networks = {prefix("192.168.0.0/16"), prefix("fe80::/10")};
  all.access.groups = {{"guest",
                        {rule("10.0.0.0/24"), rule("10.0.0.5:443/tcp"), rule("0.0.0.0/0:53"),
                         rule("::/0/icmp"), rule("10.0.0.5/icmp"), rule("[fd00::5]:1-65535/udp")}},
                       {"nothing", {}}};
  all.access.peers = {{"a@b", {prefix("10.8.0.0/25"), prefix("fd08::/65")}, {}, "guest"},
                      {"b", {prefix("10.8.0.5/32")}, std::vector{rule("10.0.0.7:80")}, "guest"},
                      {"c", {prefix("10.8.0.6/32")}, std::vector<config::AccessRule>(), {}},
                      {"free", {prefix("10.8.0.7/32"), prefix("0.0.0.0/0")}, {}, {}}};
  expect_loads(all);
  const std::string rules = firewall_of(all)->rules;
  // A host without /etc/protocols knows none by its name.
  for (const char* of : {"l4proto", "ip protocol", "ip6 nexthdr", "ct protocol"})
    EXPECT_THAT(rules, Not(ContainsRegex(std::string(of) + " [{ ]*[a-z]")));
  EXPECT_TRUE(firewall_of(all)->fail_closed);
  EXPECT_THAT(rules, HasSubstr("10.8.0.5 : goto peer/b"));
  EXPECT_THAT(rules, HasSubstr("10.8.0.8-10.8.0.127 : goto group/guest"));
  EXPECT_THAT(rules, HasSubstr("10.8.0.7 : accept"));
  EXPECT_THAT(rules, HasSubstr("vmap @sources-ip6\n    counter name \"unknown-sources\" drop"));
}

TEST_F(FirewallTest, AKillSwitchLetsOutTheTunnelsOwnSocketsAndNotAMarkAlone) {
  HostPlan closed = plan();
  closed.kill_switch = true;
  closed.outer_owner = 997;
  closed.outer_ports = {51820, 40123};
  const std::string rules = firewall_of(closed)->rules;
  EXPECT_THAT(rules, HasSubstr("elements = { 51820, 40123 }"));
  EXPECT_THAT(rules, HasSubstr("meta mark 0xca6c meta skuid 997 udp sport @outer-ports accept"));
  expect_loads(closed);
}

TEST_F(FirewallTest, AKillSwitchLetsOutNeitherDhcpNorDiscoveryOfPeople) {
  HostPlan closed = plan();
  closed.kill_switch = true;
  const std::string rules = firewall_of(closed)->rules;
  EXPECT_THAT(rules, HasSubstr("meta skuid < 1000 meta nfproto ipv4 udp sport 68 udp dport 67 accept"));
  const auto everybody = rules.find("meta skuid 0-4294967294 counter name \"leaks\" drop");
  ASSERT_NE(everybody, std::string::npos);
  EXPECT_THAT(rules.substr(0, everybody), Not(HasSubstr("hoplimit 255 accept")));
  EXPECT_THAT(rules.substr(everybody), HasSubstr("ip6 hoplimit 255 accept")) << "the kernel's own";
}

TEST_F(FirewallTest, AFullTunnelLeavesAnswersOutsideAndAKillSwitchDoesNot) {
  HostPlan full = plan();
  full.allowed_ips = {prefix("0.0.0.0/0")};
  EXPECT_THAT(firewall_of(full)->rules, HasSubstr("chain outside-out"));
  expect_loads(full);
  full.kill_switch = true;
  EXPECT_THAT(firewall_of(full)->rules, Not(HasSubstr("outside-")));
  full.kill_switch = false;
  full.table = 777;
  EXPECT_THAT(firewall_of(full)->rules, Not(HasSubstr("outside-"))) << "whose rules are the user's";
}

TEST_F(FirewallTest, TenThousandPeersLoadInSeconds) {
  HostPlan many = plan();
  many.access.groups = {{"guest", {rule("10.0.0.0/24")}}};
  for (unsigned i = 0; i < 10'000; ++i) {
    PeerAccess peer{"p" + std::to_string(i),
                    {prefix("10.64." + std::to_string(i / 250) + "." + std::to_string(i % 250) + "/32")},
                    {},
                    {}};
    if (i % 10 == 0) peer.allow = std::vector{rule("10.0.0.5:443/tcp")};
    if (i % 3 != 0) peer.group = "guest";
    many.access.peers.push_back(std::move(peer));
  }
  const auto begin = std::chrono::steady_clock::now();
  expect_loads(many);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

}  // namespace
}  // namespace tunneld::daemon
