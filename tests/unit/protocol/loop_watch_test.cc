#include "common/protocol/loop_watch.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tunneld::protocol {
namespace {

using std::chrono::seconds;
using Moves = MoveCounter::Moves;

const net::Station kStation{*net::MacAddress::parse("02:5e:10:20:30:40"), 7};

TEST(MoveCounter, CountsBetweenEachTwoPortsInBothDirections) {
  MoveCounter counter;
  for (int i = 0; i < 3; ++i) counter.count(kStation, 4, 0);
  counter.count(kStation, 0, 4);
  counter.count({*net::MacAddress::parse("02:00:00:00:00:01"), 0}, 1, 0x7ffffffe);
  std::vector<Moves> all = counter.take();
  ASSERT_EQ(all.size(), 2U);
  std::ranges::sort(all, {}, &Moves::other);
  EXPECT_EQ(all[0].one, 0U);
  EXPECT_EQ(all[0].other, 4U);
  EXPECT_EQ(all[0].there, 1U);
  EXPECT_EQ(all[0].back, 3U);
  EXPECT_EQ(all[0].station.address, kStation.address);
  EXPECT_EQ(all[0].station.vlan, 7U);
  EXPECT_EQ(all[1].one, 1U);
  EXPECT_EQ(all[1].other, 0x7ffffffeU);
  EXPECT_EQ(all[1].there + all[1].back, 1U);
  EXPECT_TRUE(counter.take().empty());
}

TEST(MoveCounter, PairsThatAreQuietMakeRoomForOthers) {
  MoveCounter counter;
  constexpr auto kPairs = std::uint32_t{MoveCounter::kPairs};
  for (std::uint32_t port = 1; port <= 2 * kPairs; ++port) counter.count(kStation, 0, port);
  EXPECT_EQ(counter.take().size(), kPairs) << "more at once are not counted";
  EXPECT_TRUE(counter.take().empty());
  for (std::uint32_t port = 1; port <= kPairs; ++port) counter.count(kStation, 1000, port);
  EXPECT_EQ(counter.take().size(), kPairs);
}

TEST(MoveCounter, ThreadsCountTogether) {
  MoveCounter counter;
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&counter] {
      for (int i = 0; i < 10'000; ++i)
        counter.count(kStation, static_cast<unsigned>(i % 2), i % 2 == 0 ? 1 : 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto all = counter.take();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].there, 20'000U);
  EXPECT_EQ(all[0].back, 20'000U);
}

class LoopWatchTest : public ::testing::Test {
 protected:
  /// A sample five seconds after the last.
  std::size_t begun(std::uint32_t there, std::uint32_t back, seconds later = seconds(5)) {
    now_ += later;
    std::vector<Moves> moves;
    if (there + back != 0)
      moves.push_back({.one = 0, .other = 3, .there = there, .back = back, .station = kStation});
    return watch_.sample(moves, now_).size();
  }
  Instant now_{seconds(1000)};
  LoopWatch watch_;
};

TEST_F(LoopWatchTest, StationsThatGoToAndFroAndGoOnAreALoop) {
  EXPECT_EQ(begun(2000, 1990), 0U);
  EXPECT_EQ(begun(2000, 2010), 1U);
  ASSERT_EQ(watch_.loops().size(), 1U);
  const Loop loop = watch_.loops()[0];
  EXPECT_EQ(loop.one, 0U);
  EXPECT_EQ(loop.other, 3U);
  EXPECT_EQ(loop.station.address, kStation.address);
  EXPECT_EQ(now_ - loop.since, seconds(5));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(begun(5, 5), 0U) << "it has begun once";
  EXPECT_EQ(now_ - watch_.loops().at(0).since, seconds(505));
}

TEST_F(LoopWatchTest, AFewReturnsASecondAreEnoughForAQuietNetwork) {
  EXPECT_EQ(begun(5, 5), 0U);
  EXPECT_EQ(begun(5, 6), 1U);
}

TEST_F(LoopWatchTest, StationsThatMoveAndStayAreNone) {
  // A redundant link fails, and comes back.
  EXPECT_EQ(begun(500, 0), 0U);
  EXPECT_EQ(begun(0, 500), 0U);
  EXPECT_EQ(begun(500, 500), 0U) << "within five seconds, once";
  EXPECT_EQ(begun(0, 0), 0U);
  EXPECT_EQ(begun(500, 500), 0U);
  // A laptop between two access points.
  for (int i = 0; i < 100; ++i) EXPECT_EQ(begun(4, 4), 0U);
  EXPECT_TRUE(watch_.loops().empty());
}

TEST_F(LoopWatchTest, ALateSampleHasMoreMoves) {
  // The control thread was busy: ten moves in a minute are none.
  for (int i = 0; i < 10; ++i) EXPECT_EQ(begun(10, 10, seconds(60)), 0U);
  EXPECT_TRUE(watch_.loops().empty());
}

TEST_F(LoopWatchTest, ALoopThatIsCutIsOverAndMayBeginAnew) {
  EXPECT_EQ(begun(50, 50) + begun(50, 50), 1U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(begun(0, 0), 0U);
  EXPECT_EQ(watch_.loops().size(), 1U) << "traffic may pause";
  EXPECT_EQ(begun(50, 50) + begun(50, 50), 0U) << "the same one";
  for (int i = 0; i < 6; ++i) EXPECT_EQ(begun(0, 0), 0U);
  EXPECT_TRUE(watch_.loops().empty());
  EXPECT_EQ(begun(50, 50) + begun(50, 50), 1U);
}

TEST_F(LoopWatchTest, APeerThatIsRemovedTakesItsLoopsAlong) {
  EXPECT_EQ(begun(50, 50) + begun(50, 50), 1U);
  watch_.forget(1);
  EXPECT_EQ(watch_.loops().size(), 1U);
  watch_.forget(3);
  EXPECT_TRUE(watch_.loops().empty());
}

}  // namespace
}  // namespace tunneld::protocol
