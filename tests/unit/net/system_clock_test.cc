#include "common/net/system_clock.h"

#include <chrono>
#include <ctime>

#include <gtest/gtest.h>

namespace tunneld::net {
namespace {

TEST(SystemClockTest, BootTimeRunsForwardAtTheRateOfTime) {
  const Instant before = boot_now();
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(2)) {
  }
  const Duration passed = boot_now() - before;
  EXPECT_GE(passed, std::chrono::milliseconds(2));
  EXPECT_LT(passed, std::chrono::seconds(10));
}

TEST(SystemClockTest, BootTimeIsTheKernelsBootTime) {
  timespec kernel{};
  ASSERT_EQ(::clock_gettime(CLOCK_BOOTTIME, &kernel), 0);
  const Duration age = now().boot.time_since_epoch() - std::chrono::seconds(kernel.tv_sec);
  EXPECT_GE(age, Duration::zero());
  EXPECT_LT(age, std::chrono::seconds(10));
}

TEST(SystemClockTest, WallTimeIsTheTimeOfDay) {
  const auto difference = now().wall - std::chrono::system_clock::now();
  EXPECT_LT(std::chrono::abs(difference), std::chrono::seconds(10));
}

}  // namespace
}  // namespace tunneld::net
