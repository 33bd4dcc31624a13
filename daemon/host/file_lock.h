// A file that one process holds at a time, by flock(2): the kernel drops the lock however its holder ends.
//
// The file has no other purpose, and only its owner can open it. If others could open it (a directory, a
// configuration), they could hold the lock for ever.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {

class FileLock {
 public:
  /// Creates the file (0600) if necessary. nullopt: another process has held it for all of `patience`.
  /// Throws std::system_error (no permission, no directory, a link).
  [[nodiscard]] static std::optional<FileLock> take(const std::filesystem::path& path,
                                                    std::chrono::milliseconds patience);
  /// False: still held after `patience`. Makes no file.
  [[nodiscard]] static bool wait_until_free(const std::filesystem::path& path,
                                            std::chrono::milliseconds patience);
  /// The holder according to the kernel's list (proc_locks(5)), as "tunneld (pid 4711)"; "another process" if it is
  /// not in the list.
  [[nodiscard]] static std::string holder(const std::filesystem::path& path);

  FileLock(FileLock&&) = default;
  FileLock& operator=(FileLock&&) = delete;
  /// Removes the file while still holding it.
  ~FileLock();

  /// Open for writing, to leave notes for people. The lock does not need them.
  [[nodiscard]] int fd() const { return file_.get(); }

 private:
  FileLock(std::filesystem::path path, net::FileDescriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}
  std::filesystem::path path_;
  net::FileDescriptor file_;
};

}  // namespace tunneld::daemon
