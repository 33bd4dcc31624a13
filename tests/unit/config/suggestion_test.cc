// "Did you mean …?" finds typing mistakes and keeps quiet otherwise.

#include "config/suggestion.h"

#include <gtest/gtest.h>

namespace tunneld::config {
namespace {

TEST(EditDistance, CountsMistakesOfTyping) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("routes", "routes"), 0U);
  EXPECT_EQ(edit_distance("rotues", "routes"), 1U);
  EXPECT_EQ(edit_distance("rutes", "routes"), 1U);
  EXPECT_EQ(edit_distance("rouutes", "routes"), 1U);
  EXPECT_EQ(edit_distance("roules", "routes"), 1U);
  EXPECT_EQ(edit_distance("", "mtu"), 3U);
  EXPECT_EQ(edit_distance("mtu", ""), 3U);
}

TEST(Suggestion, IsTheNearestWordIfOneIsNear) {
  const std::vector<std::string> words{"endpoints", "allowed_ips", "name", "warning"};
  EXPECT_EQ(suggest("endpoint", words), "endpoints");
  EXPECT_EQ(suggest("allowed-ips", words), "allowed_ips");
  EXPECT_EQ(suggest("allowedips", words), "allowed_ips");
  EXPECT_EQ(suggest("nmae", words), "name");
  EXPECT_EQ(suggest("warn", words), "warning");
  EXPECT_EQ(suggest("colour", words), std::nullopt);
  EXPECT_EQ(suggest("", words), std::nullopt);
  EXPECT_EQ(suggest(std::string(1000, 'n'), words), std::nullopt);
  EXPECT_EQ(suggest("name", {}), std::nullopt);
}

}  // namespace
}  // namespace tunneld::config
