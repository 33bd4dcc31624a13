// White space within a line, as wg-quick sees it.
#pragma once

#include <string_view>

namespace tunneld::config {

inline constexpr std::string_view kSpaces = " \t\v\f\r";

/// Without the characters of `what` at both ends.
[[nodiscard]] inline std::string_view trimmed(std::string_view text, std::string_view what = kSpaces) {
  const std::size_t begin = text.find_first_not_of(what);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(what) - begin + 1);
}

}  // namespace tunneld::config
