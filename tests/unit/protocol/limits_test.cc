// What bounds strangers: the rate limiter and the load meter.
#include <gtest/gtest.h>

#include "common/crypto/keys.h"
#include "common/protocol/load_meter.h"
#include "common/protocol/rate_limiter.h"

namespace tunneld::protocol {
namespace {

using namespace std::chrono_literals;

net::IpAddress v4(std::uint32_t n) {
  std::array<std::uint8_t, 4> bytes{};
  store_be32(bytes.data(), n);
  return net::IpAddress::v4(bytes);
}

TEST(RateLimiter, AllowsABurstOfFiveAndTwentyASecond) {
  RateLimiter limiter(crypto::random_bytes);
  const Instant start(1000s);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limiter.allow(v4(1), start));
  EXPECT_FALSE(limiter.allow(v4(1), start));
  EXPECT_TRUE(limiter.allow(v4(2), start)) << "another source has its own";
  int allowed = 0;
  for (int ms = 1; ms <= 1000; ++ms)
    allowed += limiter.allow(v4(1), start + std::chrono::milliseconds(ms)) ? 1 : 0;
  EXPECT_EQ(allowed, 20);
}

TEST(RateLimiter, TakesAnIpv6NetworkOf64BitsForOneSource) {
  RateLimiter limiter(crypto::random_bytes);
  const Instant now(1000s);
  int allowed = 0;
  for (int i = 1; i <= 100; ++i) {
    allowed += limiter.allow(*net::IpAddress::parse("2001:db8::" + std::to_string(i)), now) ? 1 : 0;
  }
  EXPECT_EQ(allowed, 5);
  EXPECT_TRUE(limiter.allow(*net::IpAddress::parse("2001:db8:0:1::1"), now));
}

TEST(RateLimiter, IsBoundedAndKeepsWhoWasThereFirst) {
  RateLimiter limiter(crypto::random_bytes);
  const Instant now(1000s);
  std::size_t sources = 0;
  for (std::uint32_t i = 0; i < 200000; ++i) sources += limiter.allow(v4(i), now) ? 1U : 0U;
  EXPECT_LE(sources, 65536U);
  EXPECT_GT(sources, 60000U);
  EXPECT_TRUE(limiter.allow(v4(0), now)) << "the first source still has its bucket";
  EXPECT_TRUE(limiter.allow(v4(199999), now + 2s)) << "idle ones make room";
}

TEST(LoadMeter, OneSourcesFloodDoesNotPutOthersUnderLoad) {
  LoadMeter meter(crypto::random_bytes);
  Instant now(1000s);
  int loaded = 0;
  for (int i = 0; i < 100000; ++i) {
    now += 10us;
    loaded += meter.under_load(v4(1), now) ? 1 : 0;
  }
  EXPECT_GT(loaded, 99000);
  EXPECT_FALSE(meter.under_load(v4(2), now));
}

TEST(LoadMeter, ManySourcesDoAndItEndsASecondAfter) {
  LoadMeter meter(crypto::random_bytes);
  Instant now(1000s);
  for (std::uint32_t i = 0; i < 10000; ++i) {
    now += 100us;
    static_cast<void>(meter.under_load(v4(1000 + i), now));
  }
  EXPECT_TRUE(meter.under_load(v4(2), now));
  EXPECT_FALSE(meter.under_load(v4(3), now + 1100ms));
}

}  // namespace
}  // namespace tunneld::protocol
