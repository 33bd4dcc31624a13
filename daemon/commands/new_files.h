// Files that a command writes, all of them or none. They never overwrite a file or follow a link, and are
// private from the first moment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "common/crypto/secret_text.h"

namespace tunneld::daemon {

/// Writes all of `text`, and syncs it if `fd` is a file. Throws std::system_error naming `path`.
void write_whole(int fd, std::string_view text, const std::string& path);

/// Removes the files it has made unless keep() was called.
class NewFiles {
 public:
  NewFiles() = default;
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;
  ~NewFiles();

  /// Throws std::system_error, also if the file exists, or if another user (except sudo's user) owns or can
  /// write to a directory on the way to it. One that is sticky (/tmp) will do.
  void write(const std::string& path, std::string_view text, mode_t mode = 0600);
  /// Makes the directory with its parents; an existing one stays unchanged. Throws std::system_error, also if
  /// another user (except sudo's user) owns or can write to that directory, sticky or not, or to one above it.
  void make_directory(const std::string& path);
  void keep();
  [[nodiscard]] const std::vector<std::string>& paths() const { return files_; }

 private:
  std::vector<std::string> files_;
  std::vector<std::string> directories_;
};

/// A key file: 44 characters of base64 and a newline.
template <typename Key>
void write_key(NewFiles& files, const std::string& path, const Key& key) {
  crypto::SecretText text;
  text.reserve(64);
  crypto::append_base64(text, key);
  text += '\n';
  files.write(path, text);
}

}  // namespace tunneld::daemon
