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

}  // namespace
}  // namespace tunneld::net
