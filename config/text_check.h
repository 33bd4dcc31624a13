// A look at the bytes of a file before the YAML parser sees them.
//
// yaml-cpp accepts NUL bytes, broken UTF-8 and quotes that are never closed, and it queues every token of a
// bracketed collection before it delivers the first: a file of '[' alone costs it a gigabyte. One pass over
// the text, which knows only YAML's quotes, comments and brackets, reports these with their position and
// bounds the rest.
#pragma once

#include <optional>
#include <string_view>

#include "config/diagnostic.h"

namespace tunneld::config {

struct TextFindings {
  /// Where the innermost bracket that is still open at the end of the text stands.
  std::optional<Location> unclosed_bracket;
};

/// Refuses what is not printable UTF-8 text, tabs as indentation, unclosed quotes and bracket nesting or
/// lists beyond any use; nullopt when it reported an error. `file` is the name for locations; `text` has no
/// byte order mark.
[[nodiscard]] std::optional<TextFindings> check_text(std::string_view text, const Location& file,
                                                     Diagnostics& diagnostics);

}  // namespace tunneld::config
