// Reading and writing what outlives a run (state_directory.h).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {

/// For reading only, and no link followed; not open: errno.
[[nodiscard]] net::FileDescriptor open_state_file(const std::filesystem::path& path);
/// Its size; nullopt where it is no file, or others could have written it. Throws std::system_error with `path`
/// in its words where it cannot be told.
[[nodiscard]] std::optional<off_t> size_if_trusted(const net::FileDescriptor& file,
                                                   const std::filesystem::path& path);
/// At most `size` bytes. Throws std::system_error with `path` in its words.
[[nodiscard]] std::string read_up_to(const net::FileDescriptor& file, off_t size,
                                     const std::filesystem::path& path);

/// All of `text`, however many calls it takes. Throws std::system_error with `path` in its words.
void write_all(int fd, std::string_view text, const std::filesystem::path& path);

/// The file has the new text or the old one, whatever happens meanwhile, and the new one is on disk when this
/// returns. Nobody else may read it. Its directory is made where there is none. Throws std::system_error.
void write_state_file(const std::filesystem::path& path, std::string_view text);

}  // namespace tunneld::daemon
