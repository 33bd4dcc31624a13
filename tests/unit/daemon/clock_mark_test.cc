#include "daemon/clock_mark.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "common/json.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'800'000'000s};

class ClockMarkTest : public testing::Test {
 protected:
  ClockMarkTest() {
    std::string name = testing::TempDir() + "clock-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~ClockMarkTest() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_;
};

TEST_F(ClockMarkTest, OutlivesTheRunAndIsAtOrBeyondWhatWasSent) {
  const auto path = directory_ / "state" / "tun0.clock";
  EXPECT_FALSE(ClockMark(path).load());
  const WallTime mark = ClockMark(path).reserve(kNow, kNow);
  EXPECT_GT(mark, kNow);
  EXPECT_EQ(ClockMark(path).load(), mark);
  EXPECT_EQ(std::filesystem::status(path).permissions() & std::filesystem::perms(022),
            std::filesystem::perms::none);
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".new"));
}

TEST_F(ClockMarkTest, DoesNotRunAwayWhereRestartsComeFasterThanTime) {
  ClockMark mark(directory_ / "tun0.clock");
  WallTime reserved = mark.reserve(kNow, kNow);
  for (int i = 0; i < 20; ++i) reserved = mark.reserve(reserved + 20ms, kNow);
  EXPECT_LT(reserved, kNow + 90s);
}

TEST_F(ClockMarkTest, ARunThatEndsInOrderGivesBackWhatItHasNotUsed) {
  const auto path = directory_ / "tun0.clock";
  ClockMark mark(path);
  EXPECT_GT(mark.reserve(kNow, kNow), kNow + 1s);
  mark.settle(WallTime());  // nothing was sent: what earlier runs have used still counts
  EXPECT_GT(mark.load(), kNow + 1s);
  mark.settle(kNow);
  EXPECT_EQ(mark.load(), kNow);
}

TEST_F(ClockMarkTest, ThatCannotBeWrittenIsNoFailure) {
  std::ofstream(directory_ / "file") << "in the way";
  ClockMark mark(directory_ / "file" / "tun0.clock");
  EXPECT_GE(mark.reserve(kNow, kNow), kNow);
}

TEST_F(ClockMarkTest, ThatIsDamagedOrOthersCouldWriteDoesNotCount) {
  const auto path = directory_ / "tun0.clock";
  for (const char* text : {"", "soon\n", "-5\n", "1800000000000000000", "99999999999999999999\n"}) {
    std::ofstream(path, std::ios::trunc) << text;
    EXPECT_FALSE(ClockMark(path).load()) << text;
  }
  std::ofstream(path, std::ios::trunc) << "1800000000000000000\n";
  EXPECT_EQ(ClockMark(path).load(), kNow);
  std::filesystem::permissions(path, std::filesystem::perms(0666));
  EXPECT_FALSE(ClockMark(path).load());
}

TEST(ClockStatus, TellsABackwardClockAndOneThatCannotBeRight) {
  protocol::Timestamps timestamps;
  timestamps.keep(kNow, nullptr);
  EXPECT_TRUE(clock_status(timestamps, kNow - 50s).at("behind_seconds").is_null())
      << "a killed run's reserve";
  EXPECT_EQ(clock_status(timestamps, kNow - 1h).at("behind_seconds"), 3600);
  EXPECT_EQ(clock_status({}, WallTime(5s)).at("plausible"), false);
  EXPECT_EQ(clock_status({}, kNow).at("plausible"), true);
}

}  // namespace
}  // namespace tunneld::daemon
