// YAML text → a tree of scalars, lists and maps that knows where each of them stands.
//
// The tree is built from yaml-cpp's events and not with its Node classes: those keep the last of two equal
// keys without a word, expand aliases (308 bytes into 269 MB), recurse as deep as the file likes, and cost
// three times the memory. Here anchors, aliases and tags are refused as they come by, depth and size are
// bounded while parsing, and the first violation ends the work. What a scalar means ("no", "0o17", "1e3") is
// decided by the option it is for, never by YAML's idea of booleans and numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/diagnostic.h"

namespace tunneld::config {

inline constexpr std::size_t kDeepestNesting = 32;
/// Ten thousand peers with every option are 160,000 nodes.
inline constexpr std::size_t kMostNodes = 250'000;

struct YamlNode {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  /// From 1; of a null value, those of its key.
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  /// kScalar only, without quotes and escapes.
  std::string scalar;
  /// kList: the items. kMap: key, value, key, value …
  std::vector<YamlNode> children;
};

/// Parses one document. Reports the first violation and returns nullopt. `file` is the name for locations.
[[nodiscard]] std::optional<YamlNode> parse_yaml(std::string text, const Location& file,
                                                 Diagnostics& diagnostics);

}  // namespace tunneld::config
