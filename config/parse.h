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

/// A file that is not there, for a look at what the configuration would be with it.
struct PretendedFile {
  /// As `include` would find it: in the directory of the configuration as that is named.
  std::string path;
  std::string text;
};

/// Reads `path` and what it includes. Touches nothing, needs no root, reads no keys (load_keys.h does). Never
/// throws for what a file holds.
[[nodiscard]] ParseResult parse_file(const std::string& path);
/// The same as if `added` existed. Nothing of it is in the result unless `include` names it.
[[nodiscard]] ParseResult parse_file(const std::string& path, const PretendedFile& added);

}  // namespace tunneld::config
