// `log:`: how much the daemon says.

#include <algorithm>
#include <array>

#include "config/sections.h"

namespace tunneld::config {
namespace {

constexpr auto kLevels = [] {
  std::array<Word<LogLevel>, log::kLevelWords.size()> words;
  std::ranges::transform(log::kLevelWords, words.begin(), [](const auto& entry) {
    return Word<LogLevel>{entry.word, entry.level};
  });
  return words;
}();

constexpr Option<LogConfig> kLogOptions[] = {
    {.key = "level", .value = choice<&LogConfig::level, kLevels>()},
};

}  // namespace

Options<LogConfig> log_options() {
  return kLogOptions;
}

}  // namespace tunneld::config
