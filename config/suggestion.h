// "Did you mean …?": the nearest of a few words.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tunneld::config {

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string
/// alignment).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `word`, if no more than a third of its letters differ or it starts with `word`.
[[nodiscard]] std::optional<std::string> suggest(std::string_view word,
                                                 std::span<const std::string> candidates);

}  // namespace tunneld::config
