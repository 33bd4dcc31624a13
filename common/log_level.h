// The log levels, and their names in configurations and on command lines.
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
/// kOff has no name: it cannot be selected.
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
