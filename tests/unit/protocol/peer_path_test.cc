// What a peer's path is taken for: by the interface, by ICMP, by the search; and when a search begins anew.
#include "common/protocol/peer/peer_path.h"

#include <memory>

#include <gtest/gtest.h>

namespace tunneld::protocol {
namespace {

using namespace std::chrono_literals;

class PeerPathTest : public ::testing::Test {
 protected:
  void endpoint(const char* remote, const char* local = nullptr) {
    net::Endpoint endpoint{
        .remote = *net::SocketAddress::parse(remote), .local = std::nullopt, .local_interface = 0};
    if (local != nullptr) endpoint.local = *net::IpAddress::parse(local);
    link.endpoint.replace(endpoint, quiescence);
    path.review();
  }
  /// Answers every probe up to `carries` at once.
  void search(std::uint32_t carries) {
    for (int i = 0; i < 1000; ++i) {
      for (const auto& probe : path.advance(true, true, now).probes) {
        if (probe.id == 0) continue;
        ++probes;
        if (probe.size <= carries) path.acknowledged(probe.id, now);
      }
      now += 10ms;
    }
  }
  [[nodiscard]] std::uint32_t limit() const { return link.path_mtu.load(); }

  Quiescence quiescence;
  PeerLink link{0, 1};
  PathPolicy policy;
  PeerPath path{link, policy};
  Instant now = Instant(100s);
  int probes = 0;
};

TEST_F(PeerPathTest, WithoutAnAddressNothingIsHeldBack) {
  EXPECT_EQ(path.deadline(), kNever);
  path.review();
  (void)path.advance(false, false, now);
  EXPECT_EQ(limit(), kNoPathMtu);
  EXPECT_FALSE(path.known());
}

TEST_F(PeerPathTest, OfAStockPeerInterfaceAndIcmpDecide) {
  struct Case {
    RouteMtu route;
    std::uint32_t v4, v6;
  };
  for (const Case& expected :
       {Case{{1500, 1500}, 1420, 1420}, Case{{1492, 1492}, 1412, 1412}, Case{{1500, 1300}, 1240, 1220},
        Case{{1280, 1280}, 1220, 1200}, Case{{576, 576}, kLeastPathMtu, kLeastPathMtu},
        Case{{0, 0}, kLeastPathMtu, kLeastPathMtu}, Case{{9000, 9000}, 8920, 8920},
        Case{{65536, 65536}, 65456, 65456}}) {
    path.learn(expected.route);
    endpoint("192.0.2.1:1");
    (void)path.advance(true, false, now);
    EXPECT_EQ(limit(), expected.v4) << expected.route.interface;
    endpoint("[2001:db8::1]:1");
    (void)path.advance(true, false, now);
    EXPECT_EQ(limit(), expected.v6) << expected.route.interface;
  }
}

TEST_F(PeerPathTest, ASearchBeginsAnewWithAnotherWayAndNotOtherwise) {
  endpoint("192.0.2.1:1");
  search(1392);
  ASSERT_EQ(limit(), 1392U);
  const int before = probes;
  endpoint("192.0.2.1:2");  // another port of the same host
  search(1392);
  endpoint("192.0.2.1:2", "198.51.100.1");  // the address that the kernel has used all the time
  search(1392);
  endpoint("192.0.2.1:2");
  search(1392);
  endpoint("192.0.2.1:2", "198.51.100.1");
  search(1392);
  EXPECT_EQ(probes, before);
  endpoint("192.0.2.1:2", "203.0.113.1");  // another uplink
  search(1440);
  EXPECT_EQ(limit(), 1440U);
  endpoint("192.0.2.99:2", "203.0.113.1");  // another host
  search(1392);
  EXPECT_EQ(limit(), 1392U);
  path.learn({.interface = 1400, .path = 1400});
  search(1340);
  EXPECT_EQ(limit(), 1340U);
}

TEST_F(PeerPathTest, WithoutASessionNothingIsDue) {
  endpoint("192.0.2.1:1");
  EXPECT_LE(path.deadline(), now);
  (void)path.advance(false, true, now);
  EXPECT_EQ(path.deadline(), kNever);
  path.review();  // there is one now
  EXPECT_LE(path.deadline(), now);
  EXPECT_NE(path.advance(true, true, now).probes[0].id, 0U);
}

TEST_F(PeerPathTest, TheHostIsAskedOnlyWhileLargePacketsLeave) {
  endpoint("192.0.2.1:1");
  int asked = 0;
  const auto pass = [&](Duration time) {
    for (const Instant end = now + time; now < end; now += 100ms)
      asked += path.advance(true, false, now).ask_host ? 1 : 0;
  };
  link.activity.watched.store(true);
  path.watch(now);
  pass(20s);
  EXPECT_EQ(asked, 0);
  link.large_sent.store(true);
  pass(20s);
  EXPECT_EQ(asked, 1);
  link.activity.watched.store(false);
  pass(20s);
  EXPECT_EQ(path.deadline(), kNever) << "an idle peer costs nothing";
}

TEST_F(PeerPathTest, WhatIsNotHeldIsKnownNevertheless) {
  policy = {.hold = false, .most = 1380};
  endpoint("192.0.2.1:1");
  search(1300);
  EXPECT_EQ(limit(), kNoPathMtu);
  EXPECT_EQ(path.mtu().bounds().most, 1380U);
  EXPECT_GE(path.mtu().limit(), 1300 - PathMtu::kResolution);
}

}  // namespace
}  // namespace tunneld::protocol
