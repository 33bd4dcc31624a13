#include "common/protocol/index_table.h"

#include <set>

#include <gtest/gtest.h>

#include "common/crypto/keys.h"

namespace tunneld::protocol {
namespace {

/// The table never looks behind the pointer.
Keypair* some_keypair(std::uintptr_t n) {
  return reinterpret_cast<Keypair*>(n * 64);
}

TEST(IndexTable, NumbersKeepTheirMeaningWhenItGrows) {
  Quiescence quiescence;
  IndexTable table(1, crypto::random_bytes, quiescence);
  std::vector<std::uint32_t> indices;
  for (std::size_t peers = 64; peers <= 4096; peers *= 4) {
    table.make_room(peers);
    while (indices.size() < 4 * peers) {
      indices.push_back(table.reserve());
      table.publish(indices.back(), some_keypair(indices.size()));
    }
    for (std::size_t i = 0; i < indices.size(); ++i) ASSERT_EQ(table.find(indices[i]), some_keypair(i + 1));
  }
  EXPECT_EQ(std::set<std::uint32_t>(indices.begin(), indices.end()).size(), indices.size());
}

TEST(IndexTable, WhatIsReleasedIsForgottenBeforeAndAfterGrowing) {
  Quiescence quiescence;
  IndexTable table(1, crypto::random_bytes, quiescence);
  const std::uint32_t first = table.reserve();
  const std::uint32_t second = table.reserve();
  table.publish(first, some_keypair(1));
  table.publish(second, some_keypair(2));
  table.release(first);
  EXPECT_EQ(table.find(first), nullptr);
  table.make_room(10000);
  EXPECT_EQ(table.find(first), nullptr);
  EXPECT_EQ(table.find(second), some_keypair(2));
  table.release(second);
  EXPECT_EQ(table.find(second), nullptr);
}

TEST(IndexTable, AReaderOfTheOldArrayKeepsItUntilItLeaves) {
  Quiescence quiescence;
  Quiescence::Reader& reader = quiescence.add_reader();
  IndexTable table(1, crypto::random_bytes, quiescence);
  reader.enter();
  table.make_room(10000);
  EXPECT_EQ(quiescence.waiting(), 1U);
  reader.leave();
  quiescence.reclaim();
  EXPECT_EQ(quiescence.waiting(), 0U);
}

}  // namespace
}  // namespace tunneld::protocol
