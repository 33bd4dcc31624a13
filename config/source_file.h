// Reading a configuration file's bytes, once it is certain that they are worth reading.
//
// The name may point at anything: a directory, a FIFO that never answers, /dev/zero, a log of 100 MB. The
// file is opened without blocking, looked at through its descriptor (so that nobody can swap it in between),
// and only then read.
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>

#include <sys/types.h>

#include "config/diagnostic.h"

namespace tunneld::config {

/// Ten thousand peers take about 2 MiB. Larger is a mistake, and parsing costs about a second per 4 MiB.
inline constexpr std::size_t kMaxFileSize = std::size_t{4} << 20U;

/// The same file under all its names.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  auto operator<=>(const FileId&) const = default;
};

struct SourceFile {
  std::string text;
  FileId id;
};

/// Reports at `at` why the file cannot be used: missing, unreadable, not a regular file, too large, or
/// writable by everybody (who could then choose our keys and routes).
[[nodiscard]] std::optional<SourceFile> read_source_file(const std::string& path, const Location& at,
                                                         Diagnostics& diagnostics);

}  // namespace tunneld::config
