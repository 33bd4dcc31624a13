#include "daemon/host/address_elsewhere.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/addresses.h"

namespace tunneld::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(AddressElsewhere, NamesTheInterfaceThatHasTheAddressToo) {
  EXPECT_THAT(found_elsewhere({prefix("10.9.0.1/24")}, {{"docker0", prefix("10.9.0.1/16")}}),
              ElementsAre(HasSubstr("10.9.0.1 is an address of docker0 too")));
  EXPECT_THAT(found_elsewhere({prefix("fd09::1/64")}, {{"br0", prefix("fd09::1/64")}}),
              ElementsAre(HasSubstr("br0")));
}

TEST(AddressElsewhere, NamesTheInterfaceThatHasTheNetworkToo) {
  EXPECT_THAT(found_elsewhere({prefix("10.9.0.1/24")}, {{"br-doc", prefix("10.9.0.200/16")}}),
              ElementsAre(HasSubstr("10.9.0.0/24 is also the network of br-doc (10.9.0.200/16)")));
}

TEST(AddressElsewhere, SaysNothingOfOtherNetworksAndSingleAddresses) {
  EXPECT_THAT(found_elsewhere({prefix("10.9.0.1/24"), prefix("fd09::1/64")},
                              {{"eth0", prefix("192.0.2.1/24")}, {"eth0", prefix("2001:db8::1/64")}}),
              IsEmpty());
  EXPECT_THAT(found_elsewhere({prefix("10.9.0.5/32")}, {{"eth0", prefix("10.9.0.1/24")}}), IsEmpty());
}

TEST(AddressElsewhere, SaysNothingOfInterfacesThatAreDownAndOfLinkLocalNetworks) {
  EXPECT_THAT(found_elsewhere({prefix("10.9.0.1/24")}, {{"eth1", prefix("10.9.0.1/24"), false}}), IsEmpty());
  EXPECT_THAT(found_elsewhere({prefix("fe80::1/64")}, {{"eth0", prefix("fe80::2/64")}}), IsEmpty());
}

}  // namespace
}  // namespace tunneld::daemon
