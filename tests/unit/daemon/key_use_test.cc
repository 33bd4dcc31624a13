#include "daemon/key_use.h"

#include <gtest/gtest.h>

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

const net::SocketAddress kHome = net::SocketAddress::parse("203.0.113.2:1000").value();
const net::SocketAddress kOffice = net::SocketAddress::parse("198.51.100.2:2000").value();

TEST(KeyUse, TwoHostsThatTakeTheTunnelFromEachOtherAreSeen) {
  KeyUse use;
  Instant now(1000s);
  for (int i = 0; i < 10; ++i) {
    use.heard_from(i % 2 == 0 ? kHome : kOffice, now);
    now += 3s;
  }
  const auto places = use.two_places(now);
  ASSERT_TRUE(places);
  EXPECT_EQ(*places, (KeyUse::Places{kHome, kOffice}));
}

TEST(KeyUse, ThreeHostsInTurnAreSeen) {
  net::SocketAddress third = kHome;
  third.port = 3000;
  KeyUse use;
  Instant now(1000s);
  for (int i = 0; i < 15; ++i) use.heard_from(i % 3 == 0 ? kHome : i % 3 == 1 ? kOffice : third, now += 3s);
  EXPECT_TRUE(use.two_places(now));
}

TEST(KeyUse, OneThatEndsIsForgotten) {
  KeyUse use;
  Instant now(1000s);
  for (int i = 0; i < 10; ++i) use.heard_from(i % 2 == 0 ? kHome : kOffice, now += 1s);
  EXPECT_TRUE(use.two_places(now));
  for (int i = 0; i < 100; ++i) use.heard_from(kHome, now += 1s);
  EXPECT_FALSE(use.two_places(now));
}

TEST(KeyUse, WhoTravelsOrReturnsNowAndThenIsOneHost) {
  KeyUse use;
  Instant now(1000s);
  for (std::uint16_t port = 1; port < 100; ++port) {
    net::SocketAddress place = kHome;
    place.port = port;
    use.heard_from(place, now += 1s);
    EXPECT_FALSE(use.two_places(now));
  }
  for (int i = 0; i < 100; ++i) {
    use.heard_from(i % 2 == 0 ? kHome : kOffice, now += 15s);
    EXPECT_FALSE(use.two_places(now));
  }
}

}  // namespace
}  // namespace tunneld::daemon
