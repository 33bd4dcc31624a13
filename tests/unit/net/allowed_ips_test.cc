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
  bool remove(const IpPrefix& prefix, AllowedIps::Owner owner) {
    const auto found = owners_.find(prefix.network());
    if (found == owners_.end() || found->second != owner) return false;
    owners_.erase(found);
    return true;
  }
  void remove_all(AllowedIps::Owner owner) {
    std::erase_if(owners_, [owner](const auto& entry) { return entry.second == owner; });
  }
  [[nodiscard]] const std::map<IpPrefix, AllowedIps::Owner>& all() const { return owners_; }
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

std::map<IpPrefix, AllowedIps::Owner> listed(const AllowedIps& trie) {
  std::map<IpPrefix, AllowedIps::Owner> all;
  trie.for_each([&all](const IpPrefix& prefix, AllowedIps::Owner owner) { all.emplace(prefix, owner); });
  return all;
}

TEST(AllowedIps, AgreesWithANaiveListWhilePrefixesComeAndGo) {
  std::mt19937_64 random(7);
  AllowedIps trie;
  NaiveList list;
  std::size_t removed = 0;
  for (int i = 0; i < 100000; ++i) {
    const bool v4 = random() % 2 == 0;
    // Few bits vary, so that prefixes are found again and share branches.
    IpAddress address = random_address(random, v4);
    const auto length = static_cast<std::uint8_t>(random() % (v4 ? 20 : 70));
    const IpPrefix prefix{address, length};
    const auto owner = static_cast<AllowedIps::Owner>(random() % 4);
    if (random() % 2 == 0) {
      trie.insert(prefix, owner);
      list.insert(prefix, owner);
    } else {
      const bool gone = list.remove(prefix, owner);
      ASSERT_EQ(trie.remove(prefix, owner), gone) << prefix.to_string();
      removed += gone ? 1U : 0U;
    }
    if (random() % 500 == 0) {
      trie.remove_all(owner);
      list.remove_all(owner);
      ASSERT_EQ(listed(trie), list.all());
    }
    if (random() % 4 != 0) continue;
    address = random_address(random, v4);
    ASSERT_EQ(trie.lookup(address), list.lookup(address)) << address.to_string();
  }
  EXPECT_GT(removed, 1000U) << "too few to mean anything";
}

TEST(AllowedIps, APrefixIsTakenOnlyFromItsOwner) {
  AllowedIps trie;
  trie.insert(*IpPrefix::parse("10.0.0.0/24"), 1);
  EXPECT_FALSE(trie.remove(*IpPrefix::parse("10.0.0.0/24"), 2));
  EXPECT_FALSE(trie.remove(*IpPrefix::parse("10.0.0.0/25"), 1));
  EXPECT_FALSE(trie.remove(*IpPrefix::parse("10.0.0.0/23"), 1));
  EXPECT_FALSE(trie.remove(*IpPrefix::parse("0.0.0.0/0"), AllowedIps::kNobody));
  EXPECT_EQ(trie.lookup(*IpAddress::parse("10.0.0.1")), 1U);
  EXPECT_TRUE(trie.remove(*IpPrefix::parse("10.0.0.9/24"), 1)) << "host bits are ignored";
  EXPECT_EQ(trie.lookup(*IpAddress::parse("10.0.0.1")), AllowedIps::kNobody);
}

TEST(AllowedIps, ATableThatWasCopiedKeepsItsOwnPrefixes) {
  AllowedIps published;
  published.insert(*IpPrefix::parse("fd00::/64"), 1);
  AllowedIps next = published;
  next.remove_all(1);
  next.insert(*IpPrefix::parse("fd00::/64"), 2);
  EXPECT_EQ(published.lookup(*IpAddress::parse("fd00::1")), 1U);
  EXPECT_EQ(next.lookup(*IpAddress::parse("fd00::1")), 2U);
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
