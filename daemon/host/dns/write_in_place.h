// Overwrites a resolv.conf that cannot be replaced by a rename, because the file itself is a mount (ip-netns(8),
// containers, a service's sandbox).
//
// A kill must not leave a mixture of two texts. It cannot interrupt a single write within a page of 4096 bytes,
// and most files are smaller. For a larger one, the old and the new text are kept in the run directory until the
// write is complete. A later run that finds them there completes the write, unless another program has changed
// the file.
#pragma once

#include <filesystem>
#include <string>

namespace tunneld::daemon {

/// Creates the file if there is none. A text that is shorter than the old one is padded with zeros first and
/// then truncated, so that no old line can follow the new ones. Throws std::system_error.
void write_in_place(const std::filesystem::path& path, const std::string& text);

/// Whether a write of this file has begun and may be incomplete.
[[nodiscard]] bool is_written_in_part(const std::filesystem::path& path);

/// Completes it. The caller makes sure that nobody else is still writing. Throws std::system_error.
void complete_write_in_place(const std::filesystem::path& path);

}  // namespace tunneld::daemon
