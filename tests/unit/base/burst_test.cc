#include "common/burst.h"

#include <chrono>

#include <gtest/gtest.h>

namespace tunneld {
namespace {

using namespace std::chrono_literals;

constexpr Instant kBegin{1h};

TEST(Burst, IsReportedOnceItHasBeenQuiet) {
  Burst burst(100ms, 500ms);
  EXPECT_EQ(burst.add(kBegin), kBegin + 100ms);
  EXPECT_EQ(burst.add(kBegin + 60ms), kBegin + 160ms);
  EXPECT_EQ(burst.add(kBegin + 60ms), kBegin + 160ms);
}

TEST(Burst, WithoutEndIsReportedTwiceASecond) {
  Burst burst(100ms, 500ms);
  int reports = 0;
  Instant report_at{};
  bool open = false;
  for (Duration passed = 0ms; passed < 10s; passed += 40ms) {
    const Instant now = kBegin + passed;
    if (open && report_at <= now) {
      ++reports;
      open = false;
      burst.end();
    }
    const Instant next = burst.add(now);
    EXPECT_GE(next, now);
    report_at = next;
    open = true;
  }
  EXPECT_GE(reports, 18);
  EXPECT_LE(reports, 20);
}

TEST(Burst, ThatIsReportedLateIsNotReportedInThePast) {
  Burst burst(100ms, 500ms);
  EXPECT_EQ(burst.add(kBegin), kBegin + 100ms);
  // The loop was busy for longer than its patience.
  EXPECT_EQ(burst.add(kBegin + 2s), kBegin + 2s);
}

TEST(Burst, AfterItsEndTheNextBegins) {
  Burst burst(100ms, 500ms);
  EXPECT_EQ(burst.add(kBegin), kBegin + 100ms);
  burst.end();
  EXPECT_EQ(burst.add(kBegin + 450ms), kBegin + 550ms);
}

}  // namespace
}  // namespace tunneld
