// The search finds what a path carries, follows it down and up, and takes neither loss nor silence for a
// size.
#include "common/protocol/path_mtu.h"

#include <functional>
#include <queue>
#include <random>

#include <gtest/gtest.h>

namespace tunneld::protocol {
namespace {

using namespace std::chrono_literals;

constexpr PathMtu::Bounds kEthernet{.least = 1220, .start = 1420, .most = 1440};

/// A path on a virtual clock. Sizes are inner ones, as the search has them.
struct Path {
  explicit Path(std::uint32_t carries, std::uint64_t seed = 1) : size(carries), random(seed) {}

  void run(Duration time) {
    const Instant end = now + time;
    for (;;) {
      Instant next = std::min(end, mtu.deadline());
      if (!acknowledgements.empty()) next = std::min(next, acknowledgements.top().at);
      now = std::max(now, next);
      if (now >= end) return;
      while (!acknowledgements.empty() && acknowledgements.top().at <= now) {
        const std::uint64_t id = acknowledgements.top().id;
        acknowledgements.pop();
        last_received = now;
        mtu.acknowledged(id, now);
      }
      step();
    }
  }
  void step() {
    for (const auto& probe : mtu.advance(large_sent, last_received, busy, now)) {
      if (probe.id == 0) continue;
      ++probes;
      if (probe.size > interface) {
        mtu.refused(probe.size, now);
        continue;
      }
      if (probe.size > 0) largest = std::max(largest, probe.size);
      if (dead || probe.size > size || chance(loss) || chance(loss)) continue;
      const auto jitter = std::uniform_int_distribution<Duration::rep>(0, rtt.count() / 5)(random);
      acknowledgements.push({now + rtt + Duration(jitter), probe.id});
    }
    // The other side is heard as long as what we send fits.
    if (!dead && large_sent && mtu.limit() <= size) last_received = now;
  }
  bool chance(double probability) { return std::uniform_real_distribution<>(0, 1)(random) < probability; }

  struct Acknowledgement {
    Instant at;
    std::uint64_t id;
    bool operator<(const Acknowledgement& other) const { return at > other.at; }
  };

  PathMtu mtu;
  Instant now = Instant(1000s), last_received = now;
  std::uint32_t size, interface = 65535, largest = 0;
  std::size_t probes = 0;
  double loss = 0;
  Duration rtt = 40ms;
  bool dead = false, large_sent = false, busy = false;
  std::mt19937_64 random;
  std::priority_queue<Acknowledgement> acknowledgements;
};

TEST(PathMtu, OneProbeIsEnoughWhereTheInterfaceSaysItAll) {
  Path path(1440);
  path.mtu.begin(kEthernet, true, path.now);
  EXPECT_EQ(path.mtu.limit(), 1420U) << "safe before anything is known";
  path.run(100ms);
  EXPECT_EQ(path.mtu.limit(), 1440U);
  EXPECT_EQ(path.mtu.phase(), PathMtu::Phase::kComplete);
  EXPECT_EQ(path.mtu.source(), PathMtu::Source::kProbed);
  EXPECT_EQ(path.probes, 2U) << "and its companion";
  ASSERT_TRUE(path.mtu.round_trip_time());
  EXPECT_GE(*path.mtu.round_trip_time(), 40ms);
  EXPECT_LE(*path.mtu.round_trip_time(), 48ms);
  path.run(24h);
  EXPECT_EQ(path.probes, 2U) << "an idle tunnel is quiet";
}

TEST(PathMtu, SizesThatNetworksHaveAreFoundExactly) {
  for (const std::uint32_t outer : {1492U, 1480U, 1454U, 1452U, 1400U, 1280U}) {
    Path path(outer - 60);
    path.mtu.begin(kEthernet, true, path.now);
    path.run(30s);
    EXPECT_EQ(path.mtu.phase(), PathMtu::Phase::kComplete);
    EXPECT_EQ(path.mtu.limit(), outer - 60);
  }
}

TEST(PathMtu, AnyPathIsFoundWithinTheResolutionAndSoonSafe) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 500; ++round) {
    const bool jumbo = round % 4 == 0;
    const PathMtu::Bounds bounds{.least = 1200, .start = 1420, .most = jumbo ? 8920U : 1420U};
    Path path(std::uniform_int_distribution<std::uint32_t>(1200, bounds.most)(random),
              static_cast<std::uint64_t>(round));
    path.rtt = std::chrono::milliseconds(std::uniform_int_distribution<int>(1, 400)(random));
    path.mtu.begin(bounds, true, path.now);
    path.run(8s);
    EXPECT_LE(path.mtu.limit(), std::max(path.size, 1200U)) << "after 8 s";
    path.run(80s);
    EXPECT_EQ(path.mtu.phase(), PathMtu::Phase::kComplete);
    EXPECT_LE(path.mtu.limit(), path.size);
    EXPECT_LE(path.size - path.mtu.limit(), PathMtu::kResolution) << path.size;
  }
}

TEST(PathMtu, LossIsNotTakenForASize) {
  std::mt19937_64 random(6);
  int exact = 0;
  for (std::uint64_t round = 0; round < 200; ++round) {
    Path path(1380, round);
    path.loss = 0.05;  // each way
    path.mtu.begin(kEthernet, true, path.now);
    path.large_sent = path.busy = true;
    path.run(300s);
    EXPECT_LE(path.mtu.limit(), 1380U);
    exact += path.mtu.limit() >= 1380 - PathMtu::kResolution ? 1 : 0;
  }
  EXPECT_GE(exact, 195) << "of 200";
}

TEST(PathMtu, ABlackHoleIsSeenWithinSeconds) {
  for (const Duration rtt : {Duration(1ms), Duration(50ms), Duration(300ms), Duration(600ms)}) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      Path path(1440, seed);
      path.rtt = rtt;
      path.mtu.begin(kEthernet, true, path.now);
      path.large_sent = path.busy = true;
      path.run(20s + Duration(seed * 100ms));
      ASSERT_EQ(path.mtu.limit(), 1440U);
      path.size = 1220;
      const Instant begin = path.now;
      while (path.mtu.limit() > 1220 && path.now < begin + 60s) path.run(10ms);
      EXPECT_LT(path.now - begin, 1s + 1s + 5 * std::max<Duration>(250ms, 2 * rtt))
          << rtt.count() / 1000000 << " ms, seed " << seed;
      path.run(60s);
      EXPECT_EQ(path.mtu.limit(), 1220U);
    }
  }
}

// TCP repeats a lost segment less and less often, and the host is asked for the route between two looks.
TEST(PathMtu, OneLargePacketBetweenTwoLooksIsEnoughToSeeABlackHole) {
  Path path(1440);
  path.mtu.begin(kEthernet, true, path.now);
  path.large_sent = path.busy = true;
  path.run(20s);
  ASSERT_EQ(path.mtu.limit(), 1440U);
  path.size = 1220;
  path.large_sent = false;
  path.run(1500ms);
  ASSERT_LT(path.now, path.mtu.deadline()) << "between two looks";
  (void)path.mtu.advance(true, path.last_received, true, path.now);
  path.run(3s);
  EXPECT_EQ(path.mtu.limit(), 1220U);
}

TEST(PathMtu, EvenABlackHoleForOneDirectionOfATalkingPeerIsSeenInTenSeconds) {
  Path path(1440);
  path.mtu.begin(kEthernet, true, path.now);
  path.large_sent = path.busy = true;
  path.run(20s);
  path.size = 1220;
  const Instant begin = path.now;
  while (path.mtu.limit() > 1220 && path.now < begin + 60s) {
    path.last_received = path.now;  // something always comes back
    path.run(10ms);
  }
  EXPECT_LT(path.now - begin, 8s);
}

TEST(PathMtu, ADeadPathSaysNothingAboutSizes) {
  Path path(1440);
  path.mtu.begin(kEthernet, true, path.now);
  path.large_sent = path.busy = true;
  path.run(20s);
  path.dead = true;
  const std::size_t before = path.probes;
  path.run(300s);
  EXPECT_EQ(path.mtu.limit(), 1440U);
  EXPECT_LT(path.probes - before, 200U) << "and is not flooded";
  path.dead = false;
  path.run(15s);
  EXPECT_EQ(path.mtu.limit(), 1440U);
  EXPECT_EQ(path.mtu.phase(), PathMtu::Phase::kComplete);
}

TEST(PathMtu, ALargerPathIsFoundAfterTenMinutes) {
  Path path(1380);
  path.mtu.begin(kEthernet, true, path.now);
  path.run(60s);
  ASSERT_EQ(path.mtu.limit(), 1380U);
  path.size = 1440;
  path.run(500s);
  EXPECT_EQ(path.mtu.limit(), 1380U);
  path.run(120s);
  EXPECT_EQ(path.mtu.limit(), 1440U);
}

TEST(PathMtu, APathThatDoesNotCarryTheLeastEndsThere) {
  Path path(600);
  path.mtu.begin(kEthernet, true, path.now);
  path.run(60s);
  EXPECT_EQ(path.mtu.limit(), 1220U) << "the rest is fragments";
  EXPECT_EQ(path.mtu.source(), PathMtu::Source::kBlackHole);
}

TEST(PathMtu, WhatTheInterfaceRefusesBoundsTheSearch) {
  Path path(1440);
  path.interface = 1300;
  path.mtu.begin(kEthernet, true, path.now);
  path.run(30s);
  EXPECT_LE(path.largest, 1300U);
  EXPECT_LE(path.mtu.limit(), 1300U);
  EXPECT_GE(path.mtu.limit(), 1300U - PathMtu::kResolution);
}

TEST(PathMtu, WithoutAnswersTheAssumptionStands) {
  Path path(1440);
  path.mtu.begin(kEthernet, false, path.now);
  EXPECT_EQ(path.mtu.deadline(), kNever);
  path.mtu.wake(path.now);
  path.mtu.doubt(path.now);
  path.run(1000s);
  EXPECT_EQ(path.mtu.limit(), 1420U);
  EXPECT_EQ(path.probes, 0U);
}

TEST(PathMtu, AcknowledgementsOfNothingChangeNothing) {
  Path path(0);
  path.mtu.begin(kEthernet, true, path.now);
  path.step();
  for (std::uint64_t id :
       {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{17}, std::uint64_t{18}, UINT64_MAX}) {
    path.mtu.acknowledged(id, path.now);
  }
  EXPECT_FALSE(path.mtu.round_trip_time());
  EXPECT_EQ(path.mtu.limit(), 1420U);
  path.mtu.acknowledged(1, path.now + 10ms);
  EXPECT_EQ(path.mtu.limit(), 1440U) << "the real one counts";
  path.mtu.begin(kEthernet, true, path.now + 20ms);
  path.mtu.acknowledged(2, path.now + 30ms);
  EXPECT_EQ(path.mtu.limit(), 1420U) << "one that went by the old path does not";
}

TEST(PathMtu, BoundsThatCrossAreStraightened) {
  PathMtu mtu;
  mtu.begin({.least = 1220, .start = 1420, .most = 1000}, true, Instant(1s));
  EXPECT_EQ(mtu.limit(), 1000U);
}

}  // namespace
}  // namespace tunneld::protocol
