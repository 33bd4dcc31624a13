// Reads and writes files that outlive a run (state_directory.h).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {

/// Opens it for reading, without following links. If it is not open afterwards, errno says why.
[[nodiscard]] net::FileDescriptor open_state_file(const std::filesystem::path& path);
/// Its size; nullopt if it is no regular file, or others could have written it. Throws std::system_error with
/// `path` in its message.
[[nodiscard]] std::optional<off_t> size_if_trusted(const net::FileDescriptor& file,
                                                   const std::filesystem::path& path);
/// Reads at most `size` bytes. Throws std::system_error with `path` in its message.
[[nodiscard]] std::string read_up_to(const net::FileDescriptor& file, off_t size,
                                     const std::filesystem::path& path);

/// Writes all of `text`. Throws std::system_error with `path` in its message.
void write_all(int fd, std::string_view text, const std::filesystem::path& path);

/// Replaces the file: it has the old text or the new one, even after a crash. The new text is on disk when this
/// returns. Only the owner may read the file. Creates its directory if there is none. Throws std::system_error.
void write_state_file(const std::filesystem::path& path, std::string_view text);

}  // namespace tunneld::daemon
