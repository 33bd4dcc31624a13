// Endpoints: names, addresses and ports that a packet could be sent to.

#include "config/peer_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tunneld::config {
namespace {

std::string problem_of(const std::string& text) {
  const auto result = parse_endpoint(text);
  const auto* problem = std::get_if<EndpointProblem>(&result);
  return problem == nullptr ? "none" : problem->message;
}

TEST(PeerEndpoint, IsWrittenAsItIsRead) {
  for (const char* text :
       {"vpn.example.org:51820", "localhost:1", "a-b.c_d.e:65535", "example.org.:2", "192.0.2.1:51820",
        "[2001:db8::7]:51820", "[::1]:1", "[fe80::1%eth0]:51820", "3com.com:1", "xn--bcher-kva.example:1"}) {
    const auto result = parse_endpoint(text);
    ASSERT_TRUE(std::holds_alternative<PeerEndpoint>(result)) << text << ' ' << problem_of(text);
    EXPECT_EQ(std::get<PeerEndpoint>(result).to_string(), text);
  }
}

TEST(PeerEndpoint, KnowsItsAddressWhereItIsOne) {
  const auto address_of = [](const char* text) {
    return std::get<PeerEndpoint>(parse_endpoint(text)).address();
  };
  EXPECT_EQ(address_of("192.0.2.1:1"), net::IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(address_of("[2001:db8::7]:1"), net::IpAddress::parse("2001:db8::7"));
  EXPECT_EQ(address_of("example.org:1"), std::nullopt);
  EXPECT_EQ(address_of("[fe80::1%eth0]:1"), std::nullopt);
}

TEST(PeerEndpoint, NeedsAPort) {
  for (const char* text : {"", "example.org", "192.0.2.1", "[2001:db8::7]", "[2001:db8::7]x:1"}) {
    EXPECT_EQ(problem_of(text), "has no port") << text;
  }
  for (const char* text : {"a:", "a:0", "a:65536", "a:-1", "a:http", "a: 1", "a:01"}) {
    EXPECT_EQ(problem_of(text), "has no port from 1 to 65535 at its end") << text;
  }
}

TEST(PeerEndpoint, NeedsBracketsAroundIpv6) {
  EXPECT_EQ(problem_of("2001:db8::7:51820"), "has an IPv6 address without brackets");
  EXPECT_EQ(problem_of("[2001:db8::7:51820"), "has no closing bracket");
  for (const char* text : {"[]:1", "[x]:1", "[192.0.2.1]:1", "[2001:db8::g]:1", "[[::1]]:1"}) {
    EXPECT_EQ(problem_of(text), "has no IPv6 address in the brackets") << text;
  }
}

TEST(PeerEndpoint, NeedsAHostThatExists) {
  const std::string label(64, 'a');
  std::string name = "a";
  while (name.size() < 254) name += ".a";
  for (const std::string& host :
       {std::string(), std::string("."), std::string("a..b"), std::string(".a"), std::string("-a"),
        std::string("a-"), std::string("a b"), std::string("a/b"), std::string("ü.example"), label, name}) {
    EXPECT_EQ(problem_of(host + ":1"), "has no host name") << host;
  }
  for (const char* host : {"203.0.113.256", "1.2.3", "12345", "a.1"}) {
    EXPECT_EQ(problem_of(std::string(host) + ":1"), "has no IPv4 address") << host;
  }
}

TEST(PeerEndpoint, IsSomewhereAPeerCanBe) {
  for (const char* text : {"0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1", "[::]:1", "[ff02::1]:1"}) {
    EXPECT_EQ(problem_of(text), "is no address that a peer can have") << text;
  }
}

TEST(PeerEndpoint, NeedsAnInterfaceWhereItIsLinkLocal) {
  EXPECT_EQ(problem_of("[fe80::1]:1"), "is link-local, which needs an interface");
  EXPECT_EQ(problem_of("[fe80::1%]:1"), "has no interface name after the '%'");
  EXPECT_EQ(problem_of("[fe80::1%abcdefghijklmnop]:1"), "has no interface name after the '%'");
}

}  // namespace
}  // namespace tunneld::config
