#include "daemon/resolv_conf_text.h"

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
