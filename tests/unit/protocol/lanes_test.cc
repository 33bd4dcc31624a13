#include "common/protocol/lanes.h"

#include <array>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "common/protocol/peer/lane_opening.h"

namespace tunneld::protocol {
namespace {

TEST(SendLanes, NoneUntilThePeerTakesThem) {
  SendLanes lanes;
  EXPECT_EQ(lanes.count(), 0U);
  for (std::size_t worker = 0; worker < 4; ++worker) EXPECT_EQ(lanes.lane_of(worker), 0U);
}

TEST(SendLanes, EachWorkerHasItsOwnAsFarAsTheyGo) {
  SendLanes lanes;
  lanes.offer(3);
  EXPECT_EQ(lanes.lane_of(0), 1U);
  EXPECT_EQ(lanes.lane_of(2), 3U);
  EXPECT_EQ(lanes.lane_of(3), 1U);
  lanes.offer(5);  // a second HELLO changes nothing under workers' feet
  EXPECT_EQ(lanes.count(), 3U);
}

TEST(SendLanes, OneAsksAndAClosedOneIsAskedForAgain) {
  SendLanes lanes;
  lanes.offer(2);
  EXPECT_FALSE(lanes.is_open(2));
  EXPECT_TRUE(lanes.claim_asking(2));
  EXPECT_FALSE(lanes.claim_asking(2));
  lanes.open(2);
  EXPECT_TRUE(lanes.is_open(2));
  EXPECT_FALSE(lanes.is_open(1));
  lanes.close(2);
  EXPECT_FALSE(lanes.is_open(2));
  EXPECT_TRUE(lanes.claim_asking(2));
}

TEST(SendLanes, NoCounterTwiceOnWhateverLaneByWhateverThread) {
  SendLanes lanes;
  lanes.offer(kMostLanes);
  std::array<std::vector<std::uint64_t>, 4> taken;
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < taken.size(); ++t) {
      threads.emplace_back([&, t] {
        for (unsigned i = 0; i < 20000; ++i) {
          const auto first = lanes.take_counters(1 + i % kMostLanes, 1 + i % 3);
          for (unsigned n = 0; n < 1 + i % 3; ++n) taken[t].push_back(first.value() + n);
        }
      });
    }
  }
  std::set<std::uint64_t> all;
  std::size_t count = 0;
  for (const auto& counters : taken) {
    count += counters.size();
    all.insert(counters.begin(), counters.end());
  }
  EXPECT_EQ(all.size(), count);
  for (const std::uint64_t counter : all) {
    ASSERT_GE(counter >> kLaneShift, 1U);
    ASSERT_LE(counter >> kLaneShift, kMostLanes);
  }
}

TEST(ReceiveLanes, HearsWhatWasAskedForAndNothingElse) {
  ReceiveLanes lanes;
  const auto on = [](std::uint64_t lane, std::uint64_t counter) { return lane << kLaneShift | counter; };
  EXPECT_EQ(lanes.window(on(0, 5)), nullptr);
  EXPECT_EQ(lanes.window(on(1, 5)), nullptr);
  lanes.hear(1);
  lanes.hear(kMostLanes);
  EXPECT_NE(lanes.window(on(1, 5)), nullptr);
  EXPECT_NE(lanes.window(on(1, 5)), lanes.window(on(kMostLanes, 5)));
  EXPECT_EQ(lanes.window(on(2, 5)), nullptr);
  EXPECT_EQ(lanes.window(on(15, 5)), nullptr);
  ReplayWindow* const first = lanes.window(on(1, 5));
  EXPECT_TRUE(first->accept(5));
  lanes.hear(1);  // asked again: what was seen stays seen
  EXPECT_EQ(lanes.window(on(1, 6)), first);
  EXPECT_FALSE(lanes.window(on(1, 5))->accept(5));
}

TEST(LaneOpening, AsksThreeTimesASecondApartAndThenNoMore) {
  using namespace std::chrono_literals;
  LaneOpening opening;
  const Instant begin{1000s};
  EXPECT_EQ(opening.deadline(), kNever);
  opening.want(3, begin);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(opening.deadline(), begin + i * 1s);
    EXPECT_EQ(opening.next(begin + i * 1s - 1ns), std::nullopt);
    EXPECT_EQ(opening.next(begin + i * 1s), 3U);
  }
  EXPECT_EQ(opening.next(begin + 3s), std::nullopt);
  EXPECT_EQ(opening.deadline(), kNever);
  EXPECT_FALSE(opening.answered(3));
}

TEST(LaneOpening, AnAnswerCountsOnlyForWhatWasAsked) {
  using namespace std::chrono_literals;
  LaneOpening opening;
  opening.want(1, Instant(1s));
  opening.want(2, Instant(1s));
  EXPECT_EQ(opening.next(Instant(1s)), 1U);
  EXPECT_EQ(opening.next(Instant(1s)), 2U);
  EXPECT_FALSE(opening.answered(3));
  EXPECT_TRUE(opening.answered(1));
  EXPECT_FALSE(opening.answered(1));
  opening.forget();
  EXPECT_FALSE(opening.answered(2));
  EXPECT_EQ(opening.deadline(), kNever);
}

}  // namespace
}  // namespace tunneld::protocol
