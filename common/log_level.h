// How much is logged: the levels, and the words that configurations and command lines have for them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tunneld::log {

enum class Level : std::uint8_t { kTrace, kDebug, kInfo, kWarning, kError, kOff };

struct LevelWord {
  std::string_view word;
  Level level;
};
/// kOff has none: nobody may ask for it.
inline constexpr std::array kLevelWords{
    LevelWord{"trace", Level::kTrace}, LevelWord{"debug", Level::kDebug}, LevelWord{"info", Level::kInfo},
    LevelWord{"warning", Level::kWarning}, LevelWord{"error", Level::kError}};

/// Empty for kOff.
[[nodiscard]] constexpr std::string_view word(Level level) {
  const auto* const found = std::ranges::find(kLevelWords, level, &LevelWord::level);
  return found == kLevelWords.end() ? std::string_view() : found->word;
}

[[nodiscard]] constexpr std::optional<Level> level_of(std::string_view word) {
  const auto* const found = std::ranges::find(kLevelWords, word, &LevelWord::word);
  return found == kLevelWords.end() ? std::nullopt : std::optional(found->level);
}

}  // namespace tunneld::log
