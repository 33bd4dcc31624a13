#include "daemon/host/dns/resolv_conf_text.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tunneld::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

net::IpAddress address(const char* text) {
  return net::IpAddress::parse(text).value();
}

const std::vector<net::IpAddress> kServers = {address("10.8.0.1"), address("fd08::1")};
const std::vector<std::string> kSearch = {"corp.example", "lan.example"};

TEST(ResolvConfText, OurLinesComeFirstAndOthersAnswerNoMore) {
  EXPECT_EQ(
      with_dns_lines("# by hand\nnameserver 192.168.1.1\nsearch home\noptions edns0\n", "tun0", kServers,
                     kSearch),
      "# tunneld tun0: begin (these lines go when the tunnel does)\nnameserver 10.8.0.1\nnameserver fd08::1\n"
      "search corp.example lan.example\n# tunneld tun0: end\n# by hand\n#tunneld:tun0# nameserver "
      "192.168.1.1\n#tunneld:tun0# search home\noptions edns0\n");
}

TEST(ResolvConfText, WithoutServersOthersGoOnAnswering) {
  const std::string text = with_dns_lines("nameserver 192.168.1.1\nsearch home\n", "tun0", {}, kSearch);
  EXPECT_THAT(name_servers_in(text), ElementsAre("192.168.1.1"));
  EXPECT_THAT(text, Not(HasSubstr("\nsearch home")));
}

TEST(ResolvConfText, NewLinesTakeThePlaceOfOurOldOnes) {
  const std::string base = "nameserver 192.168.1.1\n";
  const std::string once = with_dns_lines(base, "tun0", kServers, kSearch);
  EXPECT_EQ(with_dns_lines(once, "tun0", kServers, kSearch), once);
  const std::string other = with_dns_lines(once, "tun0", {address("10.8.0.53")}, {});
  EXPECT_THAT(name_servers_in(other), ElementsAre("10.8.0.53"));
  EXPECT_EQ(without_dns_lines(other, "tun0"), base);
}

TEST(ResolvConfText, WhatOthersHaveWrittenMeanwhileStays) {
  const std::string text = with_dns_lines("nameserver 192.168.1.1\n", "tun0", kServers, kSearch);
  EXPECT_EQ(without_dns_lines("# new\n" + text + "options rotate\n", "tun0"),
            "# new\nnameserver 192.168.1.1\noptions rotate\n");
  // Somebody has written the whole file anew: nothing of ours is there.
  EXPECT_FALSE(has_dns_lines("nameserver 192.168.1.7\n", "tun0"));
  EXPECT_FALSE(has_dns_lines(text, "tun01"));
  EXPECT_TRUE(has_dns_lines(text, "tun0"));
  // Our block was taken out by hand, and what we made comments of was not.
  EXPECT_TRUE(has_dns_lines("#tunneld:tun0# nameserver 192.168.1.1\n", "tun0"));
}

TEST(ResolvConfText, ABlockWithoutItsEndTakesNobodyElsesLinesAlong) {
  const std::string base = "nameserver 192.168.1.1\noptions edns0\n# by hand\n";
  const std::string end = "# tunneld tun0: end\n";
  std::string text = with_dns_lines(base, "tun0", kServers, kSearch);
  text.erase(text.find(end), end.size());
  EXPECT_EQ(without_dns_lines(text, "tun0"), base);
  // As part of what another interface has put its lines before.
  std::string both = with_dns_lines(text, "tun1", kServers, {});
  EXPECT_EQ(without_dns_lines(without_dns_lines(both, "tun0"), "tun1"), base);
  EXPECT_EQ(without_dns_lines(without_dns_lines(both, "tun1"), "tun0"), base);
  // And where the other one's lines stand behind ours.
  both = with_dns_lines(with_dns_lines(base, "tun1", kServers, {}), "tun0", kServers, kSearch);
  both.erase(both.find(end), end.size());
  EXPECT_EQ(without_dns_lines(without_dns_lines(both, "tun0"), "tun1"), base);
}

TEST(ResolvConfText, TwoInterfacesMayGoInAnyOrder) {
  const std::string base = "nameserver 192.168.1.1\noptions edns0\n";
  const std::string first = with_dns_lines(base, "tun0", {address("10.8.0.1")}, {"corp.example"});
  const std::string both = with_dns_lines(first, "tun1", {address("10.9.0.1")}, {});
  EXPECT_THAT(name_servers_in(both), ElementsAre("10.9.0.1"));
  EXPECT_THAT(interfaces_with_dns_lines(both), ElementsAre("tun1", "tun0"));
  EXPECT_EQ(without_dns_lines(both, "tun1"), first);
  const std::string second = without_dns_lines(both, "tun0");
  EXPECT_THAT(name_servers_in(second), ElementsAre("10.9.0.1"));
  EXPECT_EQ(without_dns_lines(second, "tun1"), base);
}

TEST(ResolvConfText, OursStandAsLongAsTheyAnswer) {
  const std::string base = "nameserver 192.168.1.1\noptions edns0\n";
  const std::string text = with_dns_lines(base, "tun0", kServers, kSearch);
  const auto stand = [](const std::string& now) { return dns_lines_stand(now, "tun0", kServers, kSearch); };
  EXPECT_TRUE(stand(text));
  EXPECT_TRUE(stand("options rotate\n" + text + "# a word\n"));
  EXPECT_FALSE(stand(base));
  EXPECT_FALSE(stand(""));
  // Others' servers or domains beside ours, before or behind.
  EXPECT_FALSE(stand("nameserver 192.168.1.7\n" + text));
  EXPECT_FALSE(stand(text + "search lan\n"));
  // A line of ours is gone, or is of other servers.
  EXPECT_FALSE(stand(text.substr(text.find('\n') + 1)));
  EXPECT_FALSE(dns_lines_stand(text, "tun0", {address("10.8.0.9")}, kSearch));
  // Another tunnel came later, and stands before us: theirs both stand, as long as both do.
  const std::string both = with_dns_lines(text, "tun1", {address("10.9.0.1")}, {});
  EXPECT_TRUE(stand(both));
  EXPECT_TRUE(dns_lines_stand(both, "tun1", {address("10.9.0.1")}, {}));
  EXPECT_FALSE(stand(with_dns_lines(base, "tun1", {address("10.9.0.1")}, {})));
}

TEST(ResolvConfText, ItsAuthorIsNamedAsItSays) {
  const std::pair<const char*, const char*> cases[] = {
      {"# Generated by NetworkManager\nnameserver 1.1.1.1\n", "NetworkManager"},
      {"; generated by /usr/sbin/dhclient-script\n", "dhclient-script"},
      {"# Dynamic resolv.conf(5) file for glibc resolver(3) generated by resolvconf(8)\n", "resolvconf(8)"},
      {"# Generated by dhcpcd from eth0.dhcp\n# /etc/resolv.conf.head can replace this line\n",
       "dhcpcd from eth0.dhcp"},
      {"# This is /run/systemd/resolve/stub-resolv.conf managed by man:systemd-resolved(8).\n# Do not "
       "edit.\n",
       "systemd-resolved(8)"},
      {"### /etc/resolv.conf file autogenerated by netconfig!\n", "netconfig"},
      {"# resolv.conf(5) file generated by tailscale\n", "tailscale"},
      {"#\n# Created by cloud-init on instance boot automatically, do not edit.\n#\n",
       "cloud-init on instance boot automatically, do no"},
      {"# generated by a\x1b[31mb\n", "a?[31mb"},
      {"# generated by \nnameserver 1.1.1.1\n", ""},
      {"nameserver 1.1.1.1 # generated by nobody\n", ""},
      {"domain lan\nnameserver 1.1.1.1\n", ""},
      {"", ""}};
  for (const auto& [text, author] : cases) EXPECT_EQ(author_of(text), author) << text;
}

TEST(ResolvConfText, AnyTextComesBackByteForByte) {
  std::mt19937 random(20261124);
  const std::vector<std::string> pieces = {"nameserver 192.168.1.1",
                                           "nameserver\t::1 # x",
                                           "nameserver",
                                           " nameserver 1.1.1.1",
                                           "search a b",
                                           "domain lan",
                                           "options ndots:2",
                                           "# tunneld",
                                           "#tunneld:",
                                           "\xff\xfe",
                                           "searching x",
                                           "",
                                           "\r",
                                           "# tunneld tun1: end"};
  for (int i = 0; i < 20'000; ++i) {
    std::string base;
    for (unsigned n = random() % 8; n > 0; --n) base += pieces[random() % pieces.size()] + '\n';
    if (!base.empty() && random() % 2 == 0) base.pop_back();
    const std::vector<net::IpAddress> servers(kServers.begin(),
                                              kServers.begin() + static_cast<std::ptrdiff_t>(random() % 3));
    const std::vector<std::string> search(kSearch.begin(),
                                          kSearch.begin() + static_cast<std::ptrdiff_t>(random() % 3));
    const std::string text = with_dns_lines(base, "tun0", servers, search);
    ASSERT_EQ(without_dns_lines(text, "tun0"), base);
    ASSERT_TRUE(dns_lines_stand(text, "tun0", servers, search)) << text;
    for (const net::IpAddress& server : servers) {
      ASSERT_THAT(name_servers_in(text), ::testing::Contains(server.to_string()));
    }
    if (!servers.empty()) {
      ASSERT_EQ(name_servers_in(text).size(), servers.size()) << text;
    }
  }
}

}  // namespace
}  // namespace tunneld::daemon
