#include "daemon/host/connected_networks.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include "tests/unit/addresses.h"
#include "tests/unit/host/kept_device_fixture.h"
#include "tests/unit/host/set_clock.h"

namespace tunneld::daemon {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::uint32_t kOwn = 7;

net::Route route(const std::string& destination, std::uint8_t protocol = RTPROT_KERNEL,
                 std::uint32_t index = 2) {
  return {.destination = prefix(destination),
          .table = net::kMainTable,
          .interface_index = index,
          .protocol = protocol};
}

TEST(ConnectedNetworks, AreTheKernelsRoutesOfOtherInterfaces) {
  EXPECT_THAT(
      connected_networks({route("192.168.1.0/24"), route("10.0.0.0/8"), route("192.168.1.0/24"),
                          route("192.168.2.0/24", RTPROT_DHCP), route("192.168.3.0/24", RTPROT_STATIC),
                          route("10.8.0.0/24", RTPROT_KERNEL, kOwn), route("fe80::/64"), route("ff00::/8"),
                          route("fd01::/48"), route("0.0.0.0/0")},
                         kOwn),
      ElementsAre(prefix("10.0.0.0/8"), prefix("192.168.1.0/24"), prefix("fd01::/48")));
}

TEST(ConnectedNetworks, AnAnnouncedPrefixIsOneWhoeverTakesTheAnnouncement) {
  net::Route behind_a_router = route("fd07::/48", RTPROT_RA);
  behind_a_router.has_gateway = true;
  EXPECT_THAT(connected_networks({route("fd05::/64", RTPROT_RA), behind_a_router}, kOwn),
              ElementsAre(prefix("fd05::/64")));
}

TEST(ConnectedNetworks, PublicOnesCountUpToASizeAndANumber) {
  EXPECT_THAT(connected_networks({route("203.0.113.0/24"), route("198.18.0.0/21"), route("128.0.0.0/1"),
                                  route("2001:db8::/64"), route("2001:db8:1::/63")},
                                 kOwn),
              ElementsAre(prefix("203.0.113.0/24"), prefix("2001:db8::/64")));
  std::vector<net::Route> many;
  for (int i = 0; i < 20; ++i) many.push_back(route("2001:db8:0:" + std::to_string(i) + "::/64"));
  EXPECT_THAT(connected_networks(many, kOwn), SizeIs(kMostPublicNetworks));
}

TEST(ConnectedNetworks, PrivateOnesCountWhateverTheirSize) {
  EXPECT_THAT(connected_networks({route("172.16.0.0/12"), route("100.64.0.0/10"), route("169.254.0.0/16"),
                                  route("fd00::/8"), route("100.0.0.0/8")},
                                 kOwn),
              ElementsAre(prefix("100.64.0.0/10"), prefix("169.254.0.0/16"), prefix("172.16.0.0/12"),
                          prefix("fd00::/8")));
}

class ConnectedNetworksTest : public KeptDeviceTest {};

TEST_F(ConnectedNetworksTest, AreFollowed) {
  boost::asio::io_context io;
  SetClock clock;
  int changes = 0;
  const ConnectedNetworks networks(io, clock, "kept", [&changes] { ++changes; });
  EXPECT_THAT(networks.now(), ElementsAre(prefix("10.50.0.0/24")));
  net::shell(
      "ip address add 10.8.0.1/24 dev kept; ip link set kept up; ip route add 10.61.0.0/16 via 10.50.0.2");
  SetClock::read_all(io);
  clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(changes, 0) << "neither our own nor routes that somebody sets";
  net::shell("ip address add 10.51.0.1/24 dev other; ip address add 10.52.0.1/24 dev other");
  EXPECT_TRUE(clock.advance_until(io, std::chrono::seconds(10), [&] { return changes == 1; }));
  EXPECT_THAT(networks.now(), Contains(prefix("10.51.0.0/24")));
  net::shell(
      "ip -6 route add 2001:db8:7::/48 via fe80::1 dev other proto ra;"
      "ip -6 route add 2001:db8:5::/64 dev other proto ra");
  EXPECT_TRUE(clock.advance_until(io, std::chrono::seconds(10), [&] { return changes == 2; }));
  EXPECT_THAT(networks.now(), Contains(prefix("2001:db8:5::/64")));
  EXPECT_THAT(networks.now(), Not(Contains(prefix("2001:db8:7::/48"))));
  net::shell("ip link set other down");
  EXPECT_TRUE(clock.advance_until(io, std::chrono::seconds(10), [&] { return changes == 3; }));
  EXPECT_THAT(networks.now(), Not(Contains(prefix("10.50.0.0/24"))));
}

TEST_F(ConnectedNetworksTest, GoWithTheirLinkWhereNoRouteOfIpv6IsToldOf) {
  net::shell(
      "ip link add bare type veth peer name end2 && sysctl -qw net.ipv6.conf.bare.disable_ipv6=1"
      " net.ipv6.conf.end2.disable_ipv6=1 && ip link set end2 up &&"
      "ip link set bare up && ip address add 10.53.0.1/24 dev bare");
  boost::asio::io_context io;
  SetClock clock;
  int changes = 0;
  const ConnectedNetworks networks(io, clock, "kept", [&changes] { ++changes; });
  EXPECT_THAT(networks.now(), Contains(prefix("10.53.0.0/24")));
  net::shell("ip link del bare");
  EXPECT_TRUE(clock.advance_until(io, std::chrono::seconds(10), [&] { return changes == 1; }));
  EXPECT_THAT(networks.now(), Not(Contains(prefix("10.53.0.0/24"))));
}

}  // namespace
}  // namespace tunneld::daemon
