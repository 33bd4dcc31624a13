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
  /// Of the interface, if the file names one: with errors elsewhere, too.
  std::optional<std::string> interface_name;
  /// In the order of the files, then of the lines. Warnings may come with a config.
  std::vector<Diagnostic> diagnostics;
};

/// A file that does not exist yet, to see what the configuration would be with it.
struct PretendedFile {
  /// The path by which `include` would find it: in the configuration's directory, as written.
  std::string path;
  std::string text;
};

/// Reads `path` and what it includes. Touches nothing, needs no root, reads no keys (load_keys.h does). Never
/// throws because of a file's contents.
[[nodiscard]] ParseResult parse_file(const std::string& path);
/// The same as if `added` existed. It has no effect unless `include` names it.
[[nodiscard]] ParseResult parse_file(const std::string& path, const PretendedFile& added);

}  // namespace tunneld::config
