#include "daemon/push/config_term.h"

#include <gtest/gtest.h>

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

constexpr Instant kNow(1000h);

TEST(ConfigTerm, HoldsForALifetimeAfterTheServerWasThereLast) {
  ConfigTerm term(3600s, kNow);
  EXPECT_FALSE(term.is_over(kNow + 59min));
  term.renew(kNow + 59min);
  EXPECT_FALSE(term.is_over(kNow + 118min));
  EXPECT_TRUE(term.is_over(kNow + 119min));
  EXPECT_TRUE(term.is_over(kNow + 24h)) << "what is over stays so";
}

TEST(ConfigTerm, NoServerIsBelievedForMoreThanAMonth) {
  // All that the message can say (docs/extension.md).
  for (const auto lifetime : {days(31), days(3650), days(UINT32_MAX / 86400)}) {
    ConfigTerm term(lifetime, kNow);
    EXPECT_FALSE(term.is_over(kNow + days(30) - 1s)) << lifetime.count();
    EXPECT_TRUE(term.is_over(kNow + days(30))) << lifetime.count();
    term.renew(kNow + days(10));
    EXPECT_FALSE(term.is_over(kNow + days(40) - 1s)) << "while it is there it goes on";
    EXPECT_TRUE(term.is_over(kNow + days(40))) << lifetime.count();
  }
}

TEST(ConfigTerm, AShorterOneIsTakenAsItIs) {
  EXPECT_TRUE(ConfigTerm(1s, kNow).is_over(kNow + 1s));
  EXPECT_FALSE(ConfigTerm(days(30), kNow).is_over(kNow + days(30) - 1s));
}

}  // namespace
}  // namespace tunneld::daemon
