// The replay window against a plain model, at its edges, and with threads racing for the same counters.
#include "common/protocol/replay_window.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tunneld::protocol {
namespace {

/// What the window promises, in the plainest words: each counter once, if not more than 8128 behind the
/// greatest.
class Model {
 public:
  bool accept(std::uint64_t counter) {
    if (counter >= kRejectAfterMessages) return false;
    if (!seen_.empty() && *seen_.rbegin() > kReplayWindow && counter < *seen_.rbegin() - kReplayWindow)
      return false;
    return seen_.insert(counter).second;
  }

 private:
  std::set<std::uint64_t> seen_;
};

TEST(ReplayWindow, AgreesWithTheModelOnRandomWalks) {
  std::mt19937_64 random(20261123);
  for (int round = 0; round < 20; ++round) {
    ReplayWindow window;
    Model model;
    std::uint64_t base = random() % 3 == 0 ? 0 : random() >> (8 + random() % 40);
    for (int i = 0; i < 50000; ++i) {
      if (random() % 1000 == 0) base += random() % 20000;
      const std::uint64_t back = random() % 9000;
      const std::uint64_t counter = base > back ? base - back : base + back;
      ASSERT_EQ(window.accept(counter), model.accept(counter))
          << "counter " << counter << " in round " << round;
      if (random() % 2 == 0) ++base;
    }
  }
}

TEST(ReplayWindow, HoldsItsEdges) {
  ReplayWindow window;
  EXPECT_TRUE(window.accept(0));
  EXPECT_FALSE(window.accept(0));
  EXPECT_TRUE(window.accept(20000));
  EXPECT_TRUE(window.accept(20000 - kReplayWindow)) << "8128 behind is in";
  EXPECT_FALSE(window.accept(20000 - kReplayWindow)) << "once";
  EXPECT_FALSE(window.accept(20000 - kReplayWindow - 1)) << "8129 behind is out";
  EXPECT_TRUE(window.accept(19999));
  EXPECT_FALSE(window.accept(0));
}

TEST(ReplayWindow, TakesEveryCounterOfAWindowBackwards) {
  ReplayWindow window;
  for (std::uint64_t counter = kReplayWindow + 1; counter-- > 0;) {
    ASSERT_TRUE(window.probably_fresh(counter));
    ASSERT_TRUE(window.accept(counter)) << counter;
    ASSERT_FALSE(window.probably_fresh(counter));
  }
  for (std::uint64_t counter = 0; counter <= kReplayWindow; ++counter) ASSERT_FALSE(window.accept(counter));
}

TEST(ReplayWindow, JumpsFarAheadOnceAndForgetsWhatWasBehind) {
  ReplayWindow window;
  for (std::uint64_t counter = 0; counter < 100; ++counter) ASSERT_TRUE(window.accept(counter));
  const std::uint64_t far = std::uint64_t{1} << 40;
  EXPECT_TRUE(window.accept(far));
  EXPECT_FALSE(window.accept(far));
  EXPECT_FALSE(window.accept(99));
  EXPECT_TRUE(window.accept(far - 1));
  EXPECT_TRUE(window.accept(far + 1));
}

TEST(ReplayWindow, EndsAtTheLimitOfMessages) {
  ReplayWindow window;
  EXPECT_TRUE(window.accept(kRejectAfterMessages - 1));
  EXPECT_FALSE(window.accept(kRejectAfterMessages));
  EXPECT_FALSE(window.accept(UINT64_MAX));
  EXPECT_FALSE(window.probably_fresh(UINT64_MAX));
}

TEST(ReplayWindow, ThreadsRacingForTheSameCountersAcceptEachOnce) {
  constexpr std::uint64_t kCounters = 200000;
  ReplayWindow window;
  std::vector<std::atomic<int>> accepted(kCounters);
  std::atomic<std::uint64_t> front{0};
  const auto race = [&](unsigned seed) {
    std::mt19937 random(seed);
    for (std::uint64_t i = 0; i < kCounters; ++i) {
      // All near the front that the fastest has reached, so that no one falls out of the window.
      const std::uint64_t at = front.load();
      const std::uint64_t counter = std::min<std::uint64_t>(kCounters - 1, at + random() % 64);
      if (window.accept(counter)) accepted[counter].fetch_add(1);
      if (window.accept(at)) accepted[at].fetch_add(1);
      std::uint64_t expected = at;
      if (at + 1 < kCounters) front.compare_exchange_strong(expected, at + 1);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) threads.emplace_back(race, seed);
  for (std::thread& thread : threads) thread.join();
  for (std::uint64_t counter = 0; counter + 1 < kCounters; ++counter) {
    ASSERT_LE(accepted[counter].load(), 1) << "counter " << counter << " was accepted twice";
  }
  const std::uint64_t reached = front.load();
  EXPECT_GT(reached, kCounters / 2);
  for (std::uint64_t counter = 0; counter < reached; ++counter)
    ASSERT_EQ(accepted[counter].load(), 1) << counter;
}

}  // namespace
}  // namespace tunneld::protocol
