// `log:`: how much the daemon says.

#include <algorithm>
#include <array>

#include "config/sections.h"

namespace tunneld::config {

LogConfig read_log(const Node& node) {
  constexpr auto kLevels = [] {
    std::array<Word<LogLevel>, log::kLevelWords.size()> words;
    std::ranges::transform(log::kLevelWords, words.begin(), [](const auto& entry) {
      return Word<LogLevel>{entry.word, entry.level};
    });
    return words;
  }();
  LogConfig log;
  Mapping keys(node);
  if (const auto level = keys.find("level")) log.level = level->choice(kLevels).value_or(log.level);
  keys.finish();
  return log;
}

}  // namespace tunneld::config
