#include "common/pace.h"

#include <gtest/gtest.h>

namespace tunneld {
namespace {

using namespace std::chrono_literals;

TEST(Pace, SoManyAtOnceAndThenOneInSoLong) {
  Pace pace(3, 10s);
  const Instant start(1000s);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pace.allow(start)) << i;
  EXPECT_FALSE(pace.allow(start));
  EXPECT_FALSE(pace.allow(start + 9s));
  EXPECT_TRUE(pace.allow(start + 10s));
  EXPECT_FALSE(pace.allow(start + 10s));
  // What was refused costs nothing, and a long rest earns no more than at first.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pace.allow(start + 1h)) << i;
  EXPECT_FALSE(pace.allow(start + 1h));
}

}  // namespace
}  // namespace tunneld
