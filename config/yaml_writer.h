// Writing YAML: values, and lines that are indented as their keys are nested.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "config/location.h"

namespace tunneld::config {

/// A double-quoted YAML scalar that is read back as exactly `text`.
[[nodiscard]] std::string yaml_scalar(std::string_view text);

/// A list as the value of a key, written behind the colon: " [a, b]", or one item per line
/// if that would be too long for a line. Not for use inside of brackets.
[[nodiscard]] std::string yaml_list(const std::vector<std::string>& items);

// A value as written behind its key, by its type; "" if there is none.
[[nodiscard]] inline std::string to_yaml(const std::string& text) {
  return yaml_scalar(text);
}
[[nodiscard]] std::string to_yaml(Duration duration);
[[nodiscard]] std::string to_yaml(std::unsigned_integral auto number) {
  return std::to_string(number);
}
template <typename T>
requires requires(const T& value) {
  value.to_string();
}
[[nodiscard]] std::string to_yaml(const T& value) {
  return yaml_scalar(value.to_string());
}
template <typename T>
[[nodiscard]] std::string to_yaml(const Located<T>& value) {
  return to_yaml(value.value);
}
template <typename T>
[[nodiscard]] std::string to_yaml(const std::optional<T>& value) {
  return value ? to_yaml(*value) : std::string();
}
template <typename T>
[[nodiscard]] std::string to_yaml(const std::vector<Located<T>>& items) {
  std::vector<std::string> words;
  words.reserve(items.size());
  for (const auto& item : items) {
    if constexpr (std::same_as<T, std::string>) {
      words.push_back(item.value);
    } else {
      words.push_back(item.value.to_string());
    }
  }
  return yaml_list(words);
}

// The same as arguments of templates.
inline constexpr auto kToYaml = [](const auto& value) { return to_yaml(value); };
inline constexpr auto kOrAuto = [](const auto& value) { return value ? to_yaml(*value) : "auto"; };
inline constexpr auto kOrOff = [](const auto& value) { return value == 0 ? "off" : to_yaml(value); };
inline constexpr auto kUnlessEmpty = [](const auto& list) { return list.empty() ? "" : to_yaml(list); };

class YamlWriter {
 public:
  void line(std::string_view key, std::string_view value);
  /// Lines until end() are nested in `key`; "-" is an item of a list. Without such a line, nothing is
  /// written.
  void begin(std::string_view key) { within_.push_back({std::string(key)}); }
  void end() { within_.pop_back(); }
  /// Of a text of one line: the value, else "".
  [[nodiscard]] std::string only_value() const;
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  struct Level {
    std::string key;
    bool is_written = false;
  };

  void write(std::size_t depth, std::string_view key, std::string_view value);

  std::string text_;
  std::vector<Level> within_;
  bool begins_item_ = false;
};

}  // namespace tunneld::config
