// The pool's promises, one by one, and then all of them against a model over many random days.
#include "daemon/push/address_pool.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

#include "tests/unit/addresses.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

crypto::PublicKey key(std::uint64_t number) {
  std::array<std::uint8_t, 32> bytes{};
  store_le(&bytes[0], number * 0x9e3779b97f4a7c15);
  store_le(&bytes[8], number);
  return crypto::PublicKey(bytes);
}
const Now kStart{Instant(1h), WallTime(std::chrono::hours(24 * 365 * 50))};

Now operator+(Now now, Duration time) {
  return {now.boot + time, now.wall + time};
}

AddressPool pool_of(std::vector<net::IpPrefix> networks, std::vector<net::IpPrefix> reserved = {}) {
  return AddressPool({std::move(networks), std::move(reserved), std::chrono::days(30)});
}

TEST(AddressPool, GivesOneOfEachFamilyAndTheSameAgain) {
  AddressPool pool = pool_of({prefix("10.8.0.0/24"), prefix("fd08::/64")});
  const auto first = pool.grant(key(1), kStart);
  ASSERT_TRUE(first);
  ASSERT_EQ(first->addresses.size(), 2U);
  EXPECT_TRUE(first->is_new);
  EXPECT_TRUE(prefix("10.8.0.0/24").contains(first->addresses[0]));
  EXPECT_TRUE(prefix("fd08::/64").contains(first->addresses[1]));
  const auto again = pool.grant(key(1), kStart + 1h);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->addresses, first->addresses);

  AddressPool lost_its_file = pool_of({prefix("10.8.0.0/24"), prefix("fd08::/64")});
  EXPECT_EQ(lost_its_file.grant(key(1), kStart)->addresses, first->addresses);
}

TEST(AddressPool, A24HasRoomFor253ClientsBesideTheServerAndThenSaysSo) {
  AddressPool pool = pool_of({prefix("10.8.0.0/24")}, {prefix("10.8.0.1/32")});
  std::set<net::IpAddress> given;
  for (std::uint64_t i = 0; i < 253; ++i) {
    const auto grant = pool.grant(key(i), kStart);
    ASSERT_TRUE(grant) << i;
    EXPECT_TRUE(given.insert(grant->addresses.at(0)).second);
  }
  EXPECT_FALSE(given.contains(address("10.8.0.0")));
  EXPECT_FALSE(given.contains(address("10.8.0.1")));
  EXPECT_FALSE(given.contains(address("10.8.0.255")));
  EXPECT_FALSE(pool.grant(key(253), kStart + 29 * 24h));
  EXPECT_EQ(pool.exhausted(), "10.8.0.0/24");
  EXPECT_EQ(pool.leases().size(), 253U);
}

TEST(AddressPool, AnAddressOfSomebodyLongGoneIsTakenOnlyWhenNoOtherIsLeft) {
  AddressPool pool = pool_of({prefix("10.8.0.0/29")});  // six addresses
  for (std::uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(pool.grant(key(i), kStart + i * 1h));
  const Now later = kStart + 31 * 24h;
  const auto sixth = pool.grant(key(5), later);
  ASSERT_TRUE(sixth);
  EXPECT_TRUE(sixth->lost.empty());
  pool.renew(key(0), later);
  const net::IpAddress of_the_longest_unseen = pool.find(key(1))->addresses.at(0);
  const auto seventh = pool.grant(key(6), later);
  ASSERT_TRUE(seventh);
  EXPECT_EQ(seventh->lost, std::vector{key(1)});
  EXPECT_EQ(seventh->addresses.at(0), of_the_longest_unseen);
  EXPECT_EQ(pool.find(key(1)), nullptr);
}

TEST(AddressPool, AClientWithAFixedAddressGetsOnlyTheOtherFamily) {
  AddressPool pool = pool_of({prefix("10.8.0.0/24"), prefix("fd08::/64")}, {prefix("10.8.0.10/32")});
  const auto grant = pool.grant(key(1), kStart, {net::Family::kIpv4});
  ASSERT_TRUE(grant);
  ASSERT_EQ(grant->addresses.size(), 1U);
  EXPECT_FALSE(grant->addresses[0].is_v4());
  // It had a leased one before it got the fixed one.
  ASSERT_TRUE(pool.grant(key(2), kStart));
  const auto after = pool.grant(key(2), kStart, {net::Family::kIpv4});
  EXPECT_TRUE(after->is_new);
  EXPECT_EQ(after->addresses.size(), 1U);
}

TEST(AddressPool, ExhaustionOfOneFamilyChangesNothing) {
  AddressPool pool = pool_of({prefix("10.8.0.0/30"), prefix("fd08::/64")});
  ASSERT_TRUE(pool.grant(key(1), kStart));
  ASSERT_TRUE(pool.grant(key(2), kStart));
  EXPECT_FALSE(pool.grant(key(3), kStart));
  EXPECT_EQ(pool.find(key(3)), nullptr);
  EXPECT_EQ(pool.leases().size(), 2U);
}

TEST(AddressPool, ASecondNetworkIsUsedWhenTheFirstIsFull) {
  AddressPool pool = pool_of({prefix("10.8.0.0/30"), prefix("10.9.0.0/30")});
  for (std::uint64_t i = 0; i < 4; ++i) ASSERT_TRUE(pool.grant(key(i), kStart));
  EXPECT_TRUE(prefix("10.9.0.0/30").contains(pool.find(key(3))->addresses.at(0)));
  EXPECT_FALSE(pool.grant(key(4), kStart));
  EXPECT_EQ(pool.exhausted(), "10.8.0.0/30, 10.9.0.0/30");
}

TEST(AddressPool, ANewlyReservedAddressLeavesItsLease) {
  AddressPool pool = pool_of({prefix("10.8.0.0/24")});
  const net::IpAddress had = pool.grant(key(1), kStart)->addresses.at(0);
  const auto changed =
      pool.replan({{prefix("10.8.0.0/24")}, {net::IpPrefix{had, 32}}, std::chrono::days(30)});
  EXPECT_EQ(changed, std::vector{key(1)});
  EXPECT_NE(pool.grant(key(1), kStart)->addresses.at(0), had);
}

TEST(AddressPool, LargeReservedNetworksAreSteppedOver) {
  AddressPool pool = pool_of({prefix("fd08::/64")}, {prefix("fd08::/65"), prefix("fd08::8000:0:0:0/66")});
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto grant = pool.grant(key(i), kStart);
    ASSERT_TRUE(grant);
    EXPECT_TRUE(prefix("fd08::c000:0:0:0/66").contains(grant->addresses.at(0)));
  }
  AddressPool nothing_left = pool_of({prefix("fd08::/64")}, {prefix("fd08::/64")});
  EXPECT_FALSE(nothing_left.grant(key(1), kStart));
}

/// What the pool is for, in the simplest words that will do.
struct Model {
  std::map<std::uint64_t, std::vector<net::IpAddress>> has;
  std::map<std::uint64_t, WallTime> seen;
};

TEST(AddressPool, KeepsItsPromisesOver100000RandomJoinsLeavesAndRestarts) {
  std::mt19937_64 random(4);
  const std::vector<net::IpPrefix> networks{prefix("10.8.0.0/26"), prefix("fd08::/64")};
  const std::vector<net::IpPrefix> reserved{prefix("10.8.0.1/32"), prefix("fd08::1/128"),
                                            prefix("10.8.0.16/29")};
  const PoolPlan plan{networks, reserved, std::chrono::days(1)};
  AddressPool pool(plan);
  Model model;
  Now now = kStart;
  std::uint64_t joins = 0, refused = 0, restarts = 0, taken_over = 0;
  for (int step = 0; step < 100'000; ++step) {
    now = now + std::chrono::minutes(random() % 30);
    const std::uint64_t client = random() % 80;
    switch (random() % 16) {
      default: {  // joins
        ++joins;
        const auto grant = pool.grant(key(client), now);
        if (!grant) {
          ++refused;
          // Truly nobody could have been evicted: all 53 addresses are in use or freshly left.
          ASSERT_EQ(model.has.size(), 53U);
          for (const auto& [other, when] : model.seen) ASSERT_LT(now.wall - when, plan.lease_time);
          ASSERT_FALSE(model.has.contains(client));
          break;
        }
        for (const crypto::PublicKey& loser : grant->lost) {
          const auto number = load_le<std::uint64_t>(loser.data() + 8);
          ASSERT_GE(now.wall - model.seen.at(number), plan.lease_time) << "a fresh lease was taken away";
          model.has.erase(number);
          model.seen.erase(number);
          ++taken_over;
        }
        if (model.has.contains(client)) {
          ASSERT_EQ(model.has.at(client), grant->addresses) << "a lease has changed";
          ASSERT_FALSE(grant->is_new);
        }
        ASSERT_EQ(grant->addresses.size(), 2U);
        model.has[client] = grant->addresses;
        model.seen[client] = now.wall;
        break;
      }
      case 0:  // is there
        if (model.has.contains(client)) model.seen[client] = now.wall;
        pool.renew(key(client), now);
        break;
      case 1:  // is removed from the configuration
        if (random() % 8 != 0) break;
        pool.release(key(client));
        model.has.erase(client);
        model.seen.erase(client);
        break;
      case 2: {  // restart
        ++restarts;
        AddressPool next(plan);
        for (const auto& [unused, lease] : pool.leases()) next.restore(lease);
        pool = std::move(next);
        break;
      }
    }
    ASSERT_EQ(pool.leases().size(), model.has.size());
    std::set<net::IpAddress> all;
    for (const auto& [number, addresses] : model.has) {
      const Lease* lease = pool.find(key(number));
      ASSERT_NE(lease, nullptr);
      ASSERT_EQ(lease->addresses, addresses);
      for (const net::IpAddress& each : addresses) {
        ASSERT_TRUE(all.insert(each).second) << "given twice: " << each.to_string();
        ASSERT_TRUE(networks[0].contains(each) || networks[1].contains(each));
        for (const net::IpPrefix& fixed : reserved) ASSERT_FALSE(fixed.contains(each));
      }
    }
  }
  EXPECT_GT(joins, 50'000U);
  EXPECT_GT(refused, 100U);
  EXPECT_GT(taken_over, 100U);
  EXPECT_GT(restarts, 1'000U);
}

}  // namespace
}  // namespace tunneld::daemon
