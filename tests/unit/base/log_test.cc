// The door for log lines: levels, and lines that cannot be formatted.
#include "common/log.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tunneld::log {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class LogTest : public testing::Test {
 protected:
  LogTest() {
    lines().clear();
    set_sink([](Level level, std::string_view line) { lines().emplace_back(level, std::string(line)); });
  }
  ~LogTest() override {
    set_sink(nullptr);
    set_level(Level::kInfo);
  }
  static std::vector<std::pair<Level, std::string>>& lines() {
    static std::vector<std::pair<Level, std::string>> all;
    return all;
  }
};

TEST_F(LogTest, LinesBelowTheLevelAreNotPassedOn) {
  set_level(Level::kWarning);
  info("not {}", "this");
  warn("{} of {}", 1, std::string("two"));
  line(Level::kError, "{}", 'x');
  EXPECT_THAT(lines(), ElementsAre(Pair(Level::kWarning, "1 of two"), Pair(Level::kError, "x")));
  set_level(Level::kOff);
  error("nobody hears this");
  EXPECT_EQ(lines().size(), 2U);
}

TEST_F(LogTest, ALineThatCannotBeFormattedIsLostAndNothingElse) {
  write(Level::kError, "{:d}", fmt::make_format_args("no number"));
  EXPECT_TRUE(lines().empty());
}

}  // namespace
}  // namespace tunneld::log
