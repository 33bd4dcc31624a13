#include "common/joined.h"

#include <vector>

#include <gtest/gtest.h>

namespace tunneld {
namespace {

TEST(Joined, HasCommasBetweenItemsOnly) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(joined(Words{}), "");
  EXPECT_EQ(joined(Words{"a"}), "a");
  EXPECT_EQ(joined(Words{"a", "b", "c"}), "a, b, c");
}

TEST(Joined, AsksForTheTextOfEachItem) {
  const std::vector<int> numbers{1, 2};
  EXPECT_EQ(joined(numbers, [](int number) { return std::to_string(number); }), "1, 2");
}

}  // namespace
}  // namespace tunneld
