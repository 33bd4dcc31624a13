#include "common/protocol/timestamps.h"

#include <chrono>

#include <gtest/gtest.h>

#include "common/protocol/tai64n.h"

namespace tunneld::protocol {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNoon{1'700'000'000s};

TEST(Timestamps, GrowOnTheWireWhateverTheClockDoes) {
  Timestamps timestamps;
  WallTime last{};
  Tai64n before{};
  for (const Duration clock :
       {0ns, 0ns, 1ns, Duration(-1h), Duration(5ms), Duration(989'900'000), Duration(2s)}) {
    for (int i = 0; i < 130; ++i) {
      last = timestamps.next(kNoon + clock, last);
      const Tai64n stamp = Tai64n::from(last);
      EXPECT_GT(stamp, before);
      before = stamp;
    }
  }
}

TEST(Timestamps, AreTheClocksWhereItIsRight) {
  Timestamps timestamps;
  timestamps.keep(kNoon - 1min, nullptr);
  EXPECT_EQ(timestamps.next(kNoon, kNoon - 5s), kNoon);
  EXPECT_EQ(timestamps.behind(kNoon), 0s);
}

TEST(Timestamps, OfManyPeersDoNotRunAwayFromTheClock) {
  Timestamps timestamps;
  for (int i = 0; i < 10000; ++i) EXPECT_EQ(timestamps.next(kNoon, {}), kNoon);
}

TEST(Timestamps, ReserveAheadAndNotEachTime) {
  Timestamps timestamps;
  int reserved = 0;
  WallTime last{};
  timestamps.keep({}, [&](WallTime timestamp, WallTime) {
    ++reserved;
    return timestamp + 1min;
  });
  for (int second = 0; second < 300; ++second)
    last = timestamps.next(kNoon + std::chrono::seconds(second), last);
  EXPECT_EQ(reserved, 5);
}

TEST(Timestamps, OfAPeerThatWasRemovedAreNotRepeatedWhenItComesAgain) {
  Timestamps timestamps;
  timestamps.forget(kNoon + 1h);
  EXPECT_GT(timestamps.next(kNoon, {}), kNoon + 1h);
  EXPECT_EQ(timestamps.behind(kNoon) / 1s, 3600);
}

}  // namespace
}  // namespace tunneld::protocol
