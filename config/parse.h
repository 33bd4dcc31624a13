// From a file name to a checked configuration, or to everything that is wrong with it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/diagnostic.h"

namespace tunneld::config {

struct ParseResult {
  /// nullopt if there is an error among the diagnostics.
  std::optional<Config> config;
  /// In the order of the files, then of the lines. Warnings may come with a config.
  std::vector<Diagnostic> diagnostics;
};

/// Reads `path` and what it includes. Touches nothing, needs no root, reads no keys (load_keys.h does). Never
/// throws for what a file holds.
[[nodiscard]] ParseResult parse_file(const std::string& path);

}  // namespace tunneld::config
