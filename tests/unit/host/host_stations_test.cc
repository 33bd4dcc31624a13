#include "daemon/host/host_stations.h"

#include <chrono>
#include <optional>

#include <gtest/gtest.h>
#include <net/if.h>

#include "tests/unit/net/network_namespace.h"
#include "tests/unit/run_until.h"

namespace tunneld::daemon {
namespace {

using Stations = std::vector<net::MacAddress>;

net::MacAddress mac(std::uint32_t last) {
  return net::MacAddress(std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, static_cast<std::uint8_t>(last)});
}

/// With the address that ends in its index.
net::Link link(std::uint32_t index, std::uint32_t master = 0, std::uint32_t lower = 0,
               const char* kind = "") {
  return {.index = index,
          .name = "link" + std::to_string(index),
          .address = mac(index),
          .master = master,
          .kind = kind,
          .lower = lower};
}

TEST(HostStations, AreAllThatTheHostHasOnTheSameEthernet) {
  constexpr std::uint32_t kTap = 5;
  EXPECT_EQ(host_stations({link(kTap), link(2)}, kTap), Stations{mac(kTap)}) << "alone";
  const std::vector<net::Link> links{
      link(12, 0, 11),           // the other end of a veth pair
      link(11, 9, 12, "veth"),   // which is a port
      link(kTap, 9, 0, "tun"),   //
      link(7, 0, 9, "vlan"),     // a VLAN on the bridge
      link(9, 0, 0, "bridge"),   //
      link(3, 9),                // a card that is a port of it
      link(6, 9, 0, "bond"),     // a bond that is one
      link(4, 6),                // and what it is made of
      link(8, 0, 3, "macvtap"),  // a virtual machine on the card
      link(2),
      link(1, 20),
      link(20, 0, 0, "bridge"),
      link(21, 0, 20, "vlan"),  // nothing of ours
  };
  EXPECT_EQ(host_stations(links, kTap),
            (Stations{mac(3), mac(4), mac(kTap), mac(6), mac(7), mac(9), mac(11), mac(12)}));
}

TEST(HostStations, AVrfIsNoBridge) {
  EXPECT_EQ(host_stations({link(5, 9), link(9, 0, 0, "vrf"), link(3, 9)}, 5), Stations{mac(5)});
}

class HostStationsTest : public net::NamespaceTest {};

TEST_F(HostStationsTest, AreFollowedWhenTheyChange) {
  net::shell(
      "ip tuntap add dev tap0 mode tap && ip link add br0 type bridge && ip tuntap add dev port1 mode tap");
  boost::asio::io_context io;
  std::optional<Stations> told;
  HostStations stations(io, if_nametoindex("tap0"), [&](const Stations& now) { told = now; });
  const auto of = [](const char* name) { return net::Netlink().link(if_nametoindex(name)).address.value(); };
  const auto become = [&](Stations wanted) {
    std::ranges::sort(wanted);
    wanted.erase(std::ranges::unique(wanted).begin(), wanted.end());
    return run_until(io, [&] { return told == wanted; });
  };
  EXPECT_EQ(told, Stations{of("tap0")});
  net::shell("ip link set tap0 master br0 && ip link set port1 master br0");
  EXPECT_TRUE(become({of("tap0"), of("br0"), of("port1")})) << "somebody has put it into a bridge";
  net::shell("ip link set br0 address 02:00:00:00:00:77");
  EXPECT_TRUE(become({of("tap0"), of("br0"), of("port1")})) << "the bridge's address is another one";
  net::shell("ip link del port1");
  EXPECT_TRUE(become({of("tap0"), of("br0")}));
  net::shell("ip link set tap0 nomaster");
  EXPECT_TRUE(become({of("tap0")}));
}

}  // namespace
}  // namespace tunneld::daemon
