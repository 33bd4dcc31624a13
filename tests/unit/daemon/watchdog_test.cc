#include "daemon/watchdog.h"

#include <gtest/gtest.h>

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;
using Turns = std::vector<std::optional<std::uint64_t>>;

constexpr Instant kStart{1000s};

TEST(Watchdog, IsFedWhileEveryThreadMoves) {
  Watchdog watchdog(30s, kStart);
  Instant now = kStart;
  for (std::uint64_t turn = 1; turn < 100; ++turn) {
    now += watchdog.pause();
    EXPECT_TRUE(watchdog.ask(Turns{turn, turn * 7}, now).feed);
  }
}

TEST(Watchdog, OneThreadThatStandsStillIsEnoughForNoFood) {
  Watchdog watchdog(30s, kStart);
  EXPECT_TRUE(watchdog.ask(Turns{1, 1}, kStart + 7s).feed);
  for (int i = 2; i < 10; ++i)
    EXPECT_FALSE(watchdog.ask(Turns{static_cast<std::uint64_t>(i), 1}, kStart + i * 7s).feed);
}

TEST(Watchdog, SaysOnceWhoStandsStillBeforeSystemdKills) {
  Watchdog watchdog(30s, kStart);
  EXPECT_TRUE(watchdog.ask(Turns{1, 1}, kStart).feed);
  EXPECT_EQ(watchdog.ask(Turns{2, 1}, kStart + 7s).stuck, std::nullopt);
  EXPECT_EQ(watchdog.ask(Turns{3, 1}, kStart + 15s).stuck, 1U);
  EXPECT_EQ(watchdog.ask(Turns{4, 1}, kStart + 22s).stuck, std::nullopt);
}

TEST(Watchdog, AThreadThatWasOnlyLateIsForgiven) {
  Watchdog watchdog(30s, kStart);
  EXPECT_TRUE(watchdog.ask(Turns{1}, kStart).feed);
  EXPECT_FALSE(watchdog.ask(Turns{1}, kStart + 7s).feed);
  EXPECT_TRUE(watchdog.ask(Turns{2}, kStart + 15s).feed);
  EXPECT_EQ(watchdog.ask(Turns{2}, kStart + 22s).stuck, std::nullopt) << "counted from the last feed";
}

TEST(Watchdog, AThreadWithNothingToDoNeedNotMove) {
  Watchdog watchdog(30s, kStart);
  EXPECT_TRUE(watchdog.ask(Turns{1, std::nullopt}, kStart + 7s).feed);
  EXPECT_TRUE(watchdog.ask(Turns{2, std::nullopt}, kStart + 14s).feed);
  EXPECT_TRUE(watchdog.ask(Turns{3, 5}, kStart + 21s).feed) << "it has something to do now";
  EXPECT_FALSE(watchdog.ask(Turns{4, 5}, kStart + 28s).feed);
}

TEST(Watchdog, IsAskedOftenEnough) {
  EXPECT_LE(Watchdog(30s, kStart).pause() * 3, 30s);
}

}  // namespace
}  // namespace tunneld::daemon
