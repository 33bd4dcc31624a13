// Whom an initiation goes to, and how soon.
#include <algorithm>
#include <set>

#include <gmock/gmock.h>

#include "common/protocol/peer/call_list.h"
#include "common/protocol/peer/hurry.h"
#include "tests/unit/addresses.h"

namespace tunneld::protocol {
namespace {

using ::testing::ElementsAre;

net::SocketAddress place(std::uint16_t port) {
  return {address("192.0.2.1"), port};
}
net::Endpoint endpoint_at(std::uint16_t port) {
  return {.remote = place(port), .local = std::nullopt, .local_interface = 0};
}

TEST(CallList, APeerWithOneAddressIsNowhereElse) {
  CallList list;
  EXPECT_FALSE(list.leads_elsewhere(nullptr));
  list.set({place(1)});
  const net::Endpoint there = endpoint_at(1);
  const net::Endpoint elsewhere = endpoint_at(2);
  EXPECT_FALSE(list.leads_elsewhere(&there));
  EXPECT_TRUE(list.leads_elsewhere(&elsewhere));
  EXPECT_TRUE(list.leads_elsewhere(nullptr));
}

TEST(CallList, TheEndpointThatWasCalledAloneIsPassedOverOnce) {
  CallList list;
  list.set({place(1), place(2), place(3)});
  list.call_endpoint(place(1));
  EXPECT_TRUE(list.others_wait());
  EXPECT_THAT(list.call_all(place(1), 1), ElementsAre(place(2), place(3)));
  EXPECT_FALSE(list.others_wait());
  EXPECT_THAT(list.call_all(place(1), 2), ElementsAre(place(1), place(2), place(3)));
}

TEST(CallList, AnEndpointThatNoNameLeadsToIsCalledWithTheOthers) {
  CallList list;
  list.set({place(1)});
  EXPECT_THAT(list.call_all(place(9), 1), ElementsAre(place(1), place(9)));
}

TEST(CallList, ManyAddressesHaveTheirTurnsInPortions) {
  CallList list;
  std::vector<net::SocketAddress> all;
  for (std::uint16_t port = 1; port <= 20; ++port) all.push_back(place(port));
  list.set(all);
  std::set<std::uint16_t> called;
  for (unsigned tries = 1; tries <= 3; ++tries) {
    const auto& portion = list.call_all(place(1), tries);
    EXPECT_EQ(portion.size(), 8U);
    for (const net::SocketAddress& each : portion) called.insert(each.port);
  }
  EXPECT_EQ(called.size(), 20U);
}

TEST(CallList, ARefusalCountsOnceNobodyElseCouldAnswer) {
  CallList list;
  list.set({place(1), place(2)});
  (void)list.call_all(place(1), 1);
  EXPECT_FALSE(list.refused(place(1)));
  EXPECT_FALSE(list.refused(place(1))) << "said twice";
  EXPECT_FALSE(list.refused(place(7))) << "not called";
  EXPECT_TRUE(list.refused(place(2)));
}

/// All draws are zero.
const RandomBytes kNoRandom = [](MutableBytes bytes) { std::ranges::fill(bytes, std::uint8_t{0}); };

TEST(Hurry, TheNextTriesComeSoonAndThenAsUsual) {
  const Instant now(1000s);
  Hurry hurry;
  EXPECT_EQ(hurry.next_timeout(now), std::nullopt);
  ASSERT_TRUE(hurry.begin(now, kNoRandom));
  EXPECT_EQ(hurry.not_before(), now + 300ms);
  EXPECT_EQ(hurry.next_timeout(now + 300ms), Duration(700ms));
  EXPECT_EQ(hurry.next_timeout(now + 1s), Duration(1s));
  EXPECT_EQ(hurry.next_timeout(now + 2s), Duration(2s));
  EXPECT_EQ(hurry.next_timeout(now + 4s), std::nullopt);
}

TEST(Hurry, IsOfNoUseLater) {
  const Instant now(1000s);
  Hurry hurry;
  ASSERT_TRUE(hurry.begin(now, kNoRandom));
  EXPECT_EQ(hurry.next_timeout(now + 15s), std::nullopt);
}

TEST(Hurry, ThereIsOnePerSession) {
  const Instant now(1000s);
  Hurry hurry;
  ASSERT_TRUE(hurry.begin(now, kNoRandom));
  EXPECT_FALSE(hurry.begin(now, kNoRandom));
  EXPECT_FALSE(hurry.begin(now + 1h, kNoRandom)) << "without a session in between";
  hurry.session_up();
  EXPECT_TRUE(hurry.begin(now, kNoRandom));
}

TEST(Hurry, TheFirstTriesOfManyAreSpread) {
  const Instant now(1000s);
  Hurry hurry;
  ASSERT_TRUE(hurry.begin(now, [](MutableBytes bytes) { std::ranges::fill(bytes, std::uint8_t{0xff}); }));
  EXPECT_GT(hurry.not_before(), now + 590ms);
  EXPECT_LT(hurry.not_before(), now + 600ms);
  hurry.go();
  EXPECT_LT(hurry.not_before(), now);
}

}  // namespace
}  // namespace tunneld::protocol
