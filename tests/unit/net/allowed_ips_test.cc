// The allowed-IPs trie against a list that is searched from end to end.
#include "common/net/allowed_ips.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace tunneld::net {
namespace {

class NaiveList {
 public:
  void insert(const IpPrefix& prefix, AllowedIps::Owner owner) { owners_[prefix.network()] = owner; }
  [[nodiscard]] AllowedIps::Owner lookup(const IpAddress& address) const {
    AllowedIps::Owner owner = AllowedIps::kNobody;
    int longest = -1;
    for (const auto& [prefix, who] : owners_) {
      if (prefix.length > longest && prefix.contains(address)) {
        longest = prefix.length;
        owner = who;
      }
    }
    return owner;
  }

 private:
  std::map<IpPrefix, AllowedIps::Owner> owners_;
};

/// Addresses that share long prefixes, so that lookups meet deep branches.
IpAddress random_address(std::mt19937_64& random, bool v4) {
  std::array<std::uint8_t, 16> bytes{};
  const std::size_t size = v4 ? 4 : 16;
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::uint8_t>(i < size / 2 ? random() % 2 : random());
  }
  const std::span<const std::uint8_t, 16> all(bytes);
  return v4 ? IpAddress::v4(all.first<4>()) : IpAddress::v6(all);
}

TEST(AllowedIps, AgreesWithANaiveListOverRandomOperations) {
  std::mt19937_64 random(20261123);
  std::size_t operations = 0;
  std::size_t owned = 0;
  for (int round = 0; round < 40; ++round) {
    AllowedIps trie;
    NaiveList list;
    for (int i = 0; i < 4000; ++i) {
      const bool v4 = random() % 2 == 0;
      if (random() % 20 == 0) {
        const auto length = static_cast<std::uint8_t>(random() % (v4 ? 33 : 129));
        const IpPrefix prefix{random_address(random, v4), length};
        const auto owner = static_cast<AllowedIps::Owner>(random() % 50);
        trie.insert(prefix, owner);
        list.insert(prefix, owner);
      } else {
        const IpAddress address = random_address(random, v4);
        const AllowedIps::Owner expected = list.lookup(address);
        ASSERT_EQ(trie.lookup(address), expected) << address.to_string();
        owned += expected != AllowedIps::kNobody ? 1 : 0;
      }
      ++operations;
    }
  }
  EXPECT_GE(operations, 100000U);
  EXPECT_GT(owned, operations / 4) << "too few hits to mean anything";
}

TEST(AllowedIps, TheLongestPrefixWins) {
  AllowedIps trie;
  trie.insert(*IpPrefix::parse("0.0.0.0/0"), 1);
  trie.insert(*IpPrefix::parse("10.0.0.0/8"), 2);
  trie.insert(*IpPrefix::parse("10.1.2.3/32"), 3);
  trie.insert(*IpPrefix::parse("::/0"), 4);
  EXPECT_EQ(trie.lookup(*IpAddress::parse("192.0.2.1")), 1U);
  EXPECT_EQ(trie.lookup(*IpAddress::parse("10.1.2.2")), 2U);
  EXPECT_EQ(trie.lookup(*IpAddress::parse("10.1.2.3")), 3U);
  EXPECT_EQ(trie.lookup(*IpAddress::parse("2001:db8::1")), 4U);
}

TEST(AllowedIps, APrefixThatIsGivenAgainMoves) {
  AllowedIps trie;
  trie.insert(*IpPrefix::parse("10.0.0.0/24"), 1);
  trie.insert(*IpPrefix::parse("10.0.0.77/24"), 2);
  EXPECT_EQ(trie.lookup(*IpAddress::parse("10.0.0.1")), 2U);
  EXPECT_EQ(trie.lookup(*IpAddress::parse("10.0.1.1")), AllowedIps::kNobody);
}

TEST(AllowedIps, HoldsTheKernelTestsHundredThirtyThousandPrefixes) {
  AllowedIps trie;
  for (std::uint32_t i = 0; i < 130560; ++i) {
    const std::array<std::uint8_t, 4> bytes = {10, static_cast<std::uint8_t>(i >> 16),
                                               static_cast<std::uint8_t>(i >> 8),
                                               static_cast<std::uint8_t>(i)};
    trie.insert({IpAddress::v4(bytes), 32}, i);
  }
  EXPECT_EQ(trie.lookup(*IpAddress::parse("10.1.0.5")), 65541U);
  EXPECT_EQ(trie.lookup(*IpAddress::parse("10.2.0.5")), AllowedIps::kNobody);
}

}  // namespace
}  // namespace tunneld::net
