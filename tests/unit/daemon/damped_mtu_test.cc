#include "daemon/damped_mtu.h"

#include <gtest/gtest.h>

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

TEST(DampedMtu, TheFirstChangesAreMadeAtOnce) {
  DampedMtu mtu(1420);
  const Instant start(1000s);
  EXPECT_EQ(mtu.follow(1440, start), 1440U);
  EXPECT_EQ(mtu.follow(1440, start), std::nullopt);
  EXPECT_EQ(mtu.follow(1280, start + 1s), 1280U);
  EXPECT_EQ(mtu.deadline(), kNever);
}

TEST(DampedMtu, ItRisesAgainAfterAPause) {
  DampedMtu mtu(1440);
  const Instant start(1000s);
  EXPECT_EQ(mtu.follow(1280, start), 1280U);
  EXPECT_EQ(mtu.follow(1440, start + 1s), std::nullopt);
  const Instant later = mtu.deadline();
  ASSERT_LE(later, start + 10s);
  EXPECT_EQ(mtu.due(later - 1ms), std::nullopt);
  EXPECT_EQ(mtu.due(later), 1440U);
}

TEST(DampedMtu, APathThatChangesAllTheTimeChangesTheHostSeldom) {
  DampedMtu mtu(1440);
  int changes = 0;
  Instant now(1000s);
  for (int i = 0; i < 10 * 600; ++i, now += 100ms)
    changes += mtu.follow(i % 2 == 0 ? 1420 : 1440, now) ? 1 : 0;
  EXPECT_LE(changes, 20);  // in ten minutes, of 6,000
  EXPECT_GE(changes, 2);
  // What it ends with holds in the end.
  (void)mtu.follow(1420, now);
  for (int i = 0; i < 400 && mtu.deadline() != kNever; ++i) (void)mtu.due(now += 1s);
  EXPECT_EQ(mtu.deadline(), kNever);
}

}  // namespace
}  // namespace tunneld::daemon
