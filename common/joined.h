// A list in one line: "a, b, c".
#pragma once

#include <functional>
#include <string>

namespace tunneld {

/// `text`: what one item is in words; by default the item itself.
template <typename Items, typename Text = std::identity>
[[nodiscard]] std::string joined(const Items& items, Text text = {}) {
  std::string all;
  for (const auto& item : items) {
    if (!all.empty()) all += ", ";
    all += std::invoke(text, item);
  }
  return all;
}

}  // namespace tunneld
