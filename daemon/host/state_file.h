// Writing what outlives a run (state_directory.h).
#pragma once

#include <filesystem>
#include <string_view>

namespace tunneld::daemon {

/// All of `text`, however many calls it takes. Throws std::system_error with `path` in its words.
void write_all(int fd, std::string_view text, const std::filesystem::path& path);

/// The file has the new text or the old one, whatever happens meanwhile, and the new one is on disk when this
/// returns. Nobody else may read it. Its directory is made where there is none. Throws std::system_error.
void write_state_file(const std::filesystem::path& path, std::string_view text);

}  // namespace tunneld::daemon
