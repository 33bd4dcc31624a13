// Addresses, prefixes and endpoints, to and from text and sockaddr.
#include "common/net/ip_address.h"

#include <cstring>

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace tunneld::net {
namespace {

using Words = std::string_view;

TEST(IpAddress, IsWrittenAsItIsUsuallyWritten) {
  for (const Words text :
       {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1", "fd00::1", "2001:db8::1:0:0:1"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
    EXPECT_EQ(address->is_v4(), text.find(':') == Words::npos);
  }
  EXPECT_EQ(IpAddress::parse("FD00:0::1")->to_string(), "fd00::1");
}

TEST(IpAddress, WhatIsNotANumericAddressIsRefused) {
  for (const Words text :
       {"", " 10.0.0.1", "10.0.0.1 ", "10.0.0", "10.0.0.256", "10.0.0.01", "0x0a.0.0.1", "localhost",
        "[fd00::1]", "fe80::1%lo", "fd00:::1", "1:2:3:4:5:6:7:8:9", "10.0.0.1/8"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(Words("10.0.0.1\0", 9))) << "a NUL inside";
}

TEST(IpAddress, OfDifferentFamiliesAreNeverEqual) {
  EXPECT_NE(*IpAddress::parse("0.0.0.0"), *IpAddress::parse("::"));
  EXPECT_TRUE(IpAddress::parse("0.0.0.0")->is_unspecified());
  EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
  EXPECT_FALSE(IpAddress::parse("::1")->is_unspecified());
}

TEST(IpPrefix, IsReadWithAndWithoutALength) {
  EXPECT_EQ(IpPrefix::parse("10.0.0.0/8")->to_string(), "10.0.0.0/8");
  EXPECT_EQ(IpPrefix::parse("10.0.0.1")->to_string(), "10.0.0.1/32");
  EXPECT_EQ(IpPrefix::parse("fd00::1")->to_string(), "fd00::1/128");
  EXPECT_EQ(IpPrefix::parse("::/0")->to_string(), "::/0");
  for (const Words text : {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8 ",
                           "/8", "10.0.0.0/8/8", "10.0.0.0/4294967304"}) {
    EXPECT_FALSE(IpPrefix::parse(text)) << text;
  }
}

TEST(IpPrefix, TheNetworkHasNoHostBits) {
  EXPECT_EQ(IpPrefix::parse("10.1.2.3/8")->network().to_string(), "10.0.0.0/8");
  EXPECT_EQ(IpPrefix::parse("10.1.2.255/25")->network().to_string(), "10.1.2.128/25");
  EXPECT_EQ(IpPrefix::parse("10.1.2.3/0")->network().to_string(), "0.0.0.0/0");
  EXPECT_EQ(IpPrefix::parse("10.1.2.3/32")->network().to_string(), "10.1.2.3/32");
  EXPECT_EQ(IpPrefix::parse("fd00:ffff::1/20")->network().to_string(), "fd00:f000::/20");
  EXPECT_TRUE(IpPrefix::parse("10.1.2.3/8")->has_host_bits());
  EXPECT_FALSE(IpPrefix::parse("10.0.0.0/8")->has_host_bits());
}

TEST(IpPrefix, ContainsAndOverlapsGoByTheShorterLength) {
  const auto ten = *IpPrefix::parse("10.1.2.3/8");
  EXPECT_TRUE(ten.contains(*IpAddress::parse("10.255.0.1")));
  EXPECT_FALSE(ten.contains(*IpAddress::parse("11.0.0.1")));
  EXPECT_FALSE(ten.contains(*IpAddress::parse("a00::1"))) << "another family with the same bytes";
  EXPECT_TRUE(ten.overlaps(*IpPrefix::parse("10.9.0.0/16")));
  EXPECT_TRUE(IpPrefix::parse("10.9.0.0/16")->overlaps(ten));
  EXPECT_TRUE(ten.overlaps(*IpPrefix::parse("0.0.0.0/0")));
  EXPECT_FALSE(ten.overlaps(*IpPrefix::parse("::/0")));
  EXPECT_FALSE(IpPrefix::parse("10.0.0.0/16")->overlaps(*IpPrefix::parse("10.1.0.0/16")));
}

TEST(SocketAddress, IsReadAndWrittenAlike) {
  for (const Words text : {"192.0.2.1:51820", "[2001:db8::1]:1", "[fe80::1%lo]:65535", "0.0.0.0:0"}) {
    const auto address = SocketAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
  EXPECT_EQ(SocketAddress::parse("[fe80::1%lo]:1")->scope_id, if_nametoindex("lo"));
  EXPECT_EQ(SocketAddress::parse("[fe80::1%999999]:1")->to_string(), "[fe80::1%999999]:1")
      << "no such interface";
}

TEST(SocketAddress, WhatIsAmbiguousOrIncompleteIsRefused) {
  for (const Words text : {"", ":", "192.0.2.1", "192.0.2.1:", ":51820", "2001:db8::1:51820",
                           "[192.0.2.1]:51820", "[2001:db8::1]", "[2001:db8::1]51820", "[2001:db8::1:51820",
                           "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1: 1", "[fe80::1%nosuchdevice]:1",
                           "[fe80::1%]:1", "[fe80::1%0]:1", "[]:1", "host.example:1"}) {
    EXPECT_FALSE(SocketAddress::parse(text)) << text;
  }
}

TEST(SocketAddress, SurvivesTheWayThroughASockaddr) {
  for (const Words text : {"192.0.2.1:51820", "[2001:db8::1]:1", "[fe80::1%lo]:65535"}) {
    const auto address = *SocketAddress::parse(text);
    sockaddr_storage storage;
    std::memset(&storage, 0xff, sizeof storage);
    const std::uint32_t length = address.to_sockaddr(storage);
    EXPECT_EQ(length, address.address.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    sockaddr_in6 raw{};
    std::memcpy(&raw, &storage, sizeof raw);
    sockaddr generic{};
    std::memcpy(&generic, &storage, sizeof generic);
    EXPECT_EQ(generic.sa_family, address.address.is_v4() ? AF_INET : AF_INET6);
    EXPECT_EQ(ntohs(raw.sin6_port), address.port);
    EXPECT_EQ(SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(storage)), address);
  }
}

TEST(SocketAddress, AMappedAddressIsAnIpv4Address) {
  const auto mapped = *SocketAddress::parse("[::ffff:192.0.2.1]:7");
  sockaddr_storage storage;
  mapped.to_sockaddr(storage);
  EXPECT_EQ(SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(storage)),
            SocketAddress::parse("192.0.2.1:7"));
}

TEST(SocketAddress, OtherFamiliesAreNone) {
  sockaddr_storage storage{};
  storage.ss_family = AF_UNIX;
  EXPECT_FALSE(SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(storage)));
}

TEST(IpPrefix, OfOneAddressIsThatAddressAlone) {
  for (const char* text : {"10.8.0.1", "fd08::1"}) {
    const IpPrefix alone = IpPrefix::of(IpAddress::parse(text).value());
    EXPECT_EQ(alone, IpPrefix::parse(text));
    EXPECT_TRUE(alone.is_single());
    EXPECT_FALSE((IpPrefix{alone.address, static_cast<std::uint8_t>(alone.length - 1)}.is_single()));
  }
}

}  // namespace
}  // namespace tunneld::net
