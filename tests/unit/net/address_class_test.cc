#include "common/net/address_class.h"

#include <gtest/gtest.h>

#include "tests/unit/addresses.h"

namespace tunneld::net {
namespace {

TEST(AddressClass, LinkLocalBeginsAndEndsWithItsNetwork) {
  for (const char* inside : {"fe80::", "fe80::1", "febf:ffff::1", "169.254.0.0", "169.254.255.255"})
    EXPECT_TRUE(is_link_local(address(inside))) << inside;
  for (const char* outside :
       {"fe7f:ffff::1", "fec0::", "ff80::1", "::", "169.253.255.255", "169.255.0.0", "254.128.0.1"})
    EXPECT_FALSE(is_link_local(address(outside))) << outside;
}

TEST(AddressClass, ABareIpv6AddressIsToldByTheSameRule) {
  EXPECT_TRUE(is_link_local_v6(address("febf::1").bytes().data()));
  EXPECT_FALSE(is_link_local_v6(address("fec0::1").bytes().data()));
}

TEST(AddressClass, ExamplesBeginAndEndWithTheirRanges) {
  for (const char* inside : {"192.0.2.0", "192.0.2.255", "198.51.100.7", "203.0.113.1",
                             "2001:db8::", "2001:db8:ffff::1", "3fff::1", "3fff:fff::1"})
    EXPECT_TRUE(is_for_documentation(address(inside))) << inside;
  for (const char* outside :
       {"192.0.1.255", "192.0.3.0", "198.51.101.1", "203.0.112.1", "10.0.0.1", "2001:db9::1", "3fff:1000::1"})
    EXPECT_FALSE(is_for_documentation(address(outside))) << outside;
}

}  // namespace
}  // namespace tunneld::net
