#include "common/protocol/peer/initiation_filter.h"

#include <chrono>

#include <gtest/gtest.h>

namespace tunneld::protocol {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart(1000s);

TEST(InitiationFilter, NoneIsAnsweredTwice) {
  InitiationFilter guard;
  const auto stamp = [](Duration at) { return Tai64n::from(WallTime(at)); };
  EXPECT_TRUE(guard.admits(stamp(10s), kStart));
  guard.taken(stamp(10s), kStart);
  EXPECT_FALSE(guard.admits(stamp(10s), kStart + 1s)) << "a replay";
  EXPECT_FALSE(guard.admits(stamp(9s), kStart + 1s)) << "an older one";
  EXPECT_TRUE(guard.admits(stamp(11s), kStart + 1s));
}

TEST(InitiationFilter, NotTooMany) {
  InitiationFilter guard;
  guard.taken(Tai64n::from(WallTime(10s)), kStart);
  EXPECT_FALSE(guard.admits(Tai64n::from(WallTime(11s)), kStart + 19ms));
  EXPECT_TRUE(guard.admits(Tai64n::from(WallTime(11s)), kStart + 20ms));
}

}  // namespace
}  // namespace tunneld::protocol
