#include "daemon/host/host_networks.h"

#include <cerrno>
#include <system_error>

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>

#include "daemon/host/interface_addresses.h"
#include "tests/unit/addresses.h"
#include "tests/unit/net/network_namespace.h"

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

class HostNetworksTest : public net::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    net::shell("ip link add lan type veth peer name end && ip link set end up && ip link set lan up");
    net::shell("ip tuntap add dev own mode tap && ip link set own up");
  }
  static std::vector<std::string> connected(const HostNetworks& host) {
    std::vector<std::string> texts;
    for (const HostNetworks::Connected& each : host.connected)
      texts.push_back(each.interface + " " + each.address.to_string());
    return texts;
  }
};

TEST_F(HostNetworksTest, AreThoseOfOtherInterfacesAndTheirGateways) {
  net::shell(
      "ip address add 192.168.1.20/24 dev lan; ip address add fd01::20/64 dev lan nodad;"
      "ip address add 10.8.0.5/24 dev own; ip address add fd08::5/64 dev own nodad;"
      "ip route add 10.77.0.0/16 dev lan; ip route add 128.0.0.0/1 dev lan;"
      "ip route add default via 192.168.1.1; ip route add 10.66.0.0/16 via 10.8.0.1;"
      "ip -6 route add default via fe80::1 dev lan; ip route add blackhole 10.99.0.0/16;"
      "ip -6 route add unreachable 2001:db8:9::/48;"
      // As a router's advertisement has it, without an address of ours.
      "ip -6 route add 2001:db8:5::/64 dev lan proto ra");
  const HostNetworks host = host_networks("own", "own");
  const auto found = connected(host);
  EXPECT_THAT(found, testing::IsSupersetOf({"lan 192.168.1.20/24", "lan fd01::20/64", "lan 10.77.0.0/16",
                                            "lan 2001:db8:5::/64"}));
  for (const char* other : {"own", "128.0.0.0", "10.99.0.0", "2001:db8:9::", "fe80", "ff00"})
    EXPECT_THAT(found, testing::Not(testing::Contains(testing::HasSubstr(other))));
  EXPECT_THAT(host.gateways, testing::UnorderedElementsAre(address("192.168.1.1"), address("fe80::1")));
  EXPECT_TRUE(host.has_ipv6);
  net::shell("sysctl -qw net.ipv6.conf.own.disable_ipv6=1");
  EXPECT_FALSE(host_networks("own", "own").has_ipv6);
}

TEST_F(HostNetworksTest, OfATapsBridgeAreItsGatewaysOnly) {
  net::shell(
      "ip link add br0 type bridge && ip link set br0 up && ip link set lan master br0 &&"
      "ip link set own master br0 && ip address add 192.168.1.20/24 dev br0 &&"
      "ip address add fd01::20/64 dev br0 nodad && ip route add default via 192.168.1.1 &&"
      "ip -6 route add default via fd01::1");
  const HostNetworks host = host_networks("br0", "own");
  EXPECT_THAT(connected(host), testing::IsEmpty());
  EXPECT_THAT(host.gateways, testing::UnorderedElementsAre(address("192.168.1.1"), address("fd01::1")));
}

}  // namespace
}  // namespace tunneld::daemon
