// Writing over a resolv.conf that nothing can take the place of: a mount of its own (ip-netns(8), containers, a
// service's sandbox).
//
// What a kill must not leave is a mixture of two texts. One write of the whole is cut by no kill within a page
// of 4096 bytes, which is larger than most. For a larger one the old and the new text are in the run directory
// until it is done; who finds them there later completes the write, if the file is still a mixture of the two
// and no other program's work.
#pragma once

#include <filesystem>
#include <string>

namespace tunneld::daemon {

/// Makes the file where there is none. What is shorter than before is filled up with zeros and then cut, so
/// that no old line is left behind the new ones. Throws std::system_error.
void write_in_place(const std::filesystem::path& path, const std::string& text);

/// Whether a write of this file has begun of which nobody knows whether it has been completed.
[[nodiscard]] bool is_written_in_part(const std::filesystem::path& path);

/// Completes it; only for who knows that it is nobody's any more. Throws std::system_error.
void complete_write_in_place(const std::filesystem::path& path);

}  // namespace tunneld::daemon
