#include "daemon/host/host_networks.h"

#include <cerrno>
#include <system_error>

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>

#include "daemon/host/interface_addresses.h"

namespace {
int fault = 0;
}  // namespace

extern "C" int getifaddrs(ifaddrs** list) noexcept {
  if (fault != 0) {
    errno = fault;
    return -1;
  }
  static const auto real = reinterpret_cast<int (*)(ifaddrs**)>(dlsym(RTLD_NEXT, "getifaddrs"));
  return real(list);
}

namespace tunneld::daemon {
namespace {

TEST(InterfaceAddresses, AreThoseOfAllInterfacesButOurOwn) {
  using testing::Contains;
  using testing::Field;
  const auto all = interface_addresses("none", "none");
  EXPECT_THAT(all, Contains(Field(&InterfaceAddress::address, net::IpPrefix::parse("127.0.0.1/8").value())));
  const auto is_loopback = Contains(Field(&InterfaceAddress::interface, "lo"));
  EXPECT_THAT(interface_addresses("lo", "none"), testing::Not(is_loopback));
  EXPECT_THAT(interface_addresses("none", "lo"), testing::Not(is_loopback));
}

TEST(InterfaceAddresses, OfAHostThatCannotBeAskedAreNotNone) {
  fault = EMFILE;
  EXPECT_THROW((void)interface_addresses("none", "none"), std::system_error);
  fault = 0;
}

TEST(HostNetworks, OfAHostThatCannotBeAskedAreNotNone) {
  EXPECT_NO_THROW((void)host_networks("none", "none"));
  for (const int error : {EMFILE, ENOMEM}) {
    fault = error;
    try {
      (void)host_networks("none", "none");
      ADD_FAILURE() << "nothing was said of " << error;
    } catch (const std::system_error& told) {
      EXPECT_EQ(told.code().value(), error);
    }
    fault = 0;
  }
}

}  // namespace
}  // namespace tunneld::daemon
