// Writes lines to a descriptor without ever waiting for its reader.
//
// A pipe that nobody reads, a stopped terminal or a journal that hangs must not stop the thread that does
// handshakes and handles signals. Setting O_NONBLOCK on the given descriptor would affect all processes that
// share it (a shell, other services). So a pipe or terminal is opened again through /proc/self/fd, where the
// flag is ours alone, and a socket gets the flag with each message. A line without room is dropped and
// counted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {

/// The log line about dropped lines.
[[nodiscard]] std::string lines_dropped_in_words(std::uint64_t count);

class LogStream {
 public:
  /// Does not own `fd`, and leaves its flags as they are.
  explicit LogStream(int fd);

  /// `line` with its newline is written completely, now or before the next one, or not at all. If lines were
  /// dropped before, a line with `prefix` and their number comes first.
  void write(std::string_view line, std::string_view prefix = {});

  /// The number of dropped lines since the last line that reported it.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  enum class Kind : std::uint8_t { kSocket, kOwn, kShared };

  /// Returns the bytes written, 0 if there is no room or no reader.
  [[nodiscard]] std::size_t write_some(std::string_view text) const;
  /// False if nothing of the line could be written.
  bool begin(std::string_view line);
  bool finish_rest();

  int fd_;
  Kind kind_ = Kind::kShared;
  net::FileDescriptor own_;
  /// The rest of a line that was written in part.
  std::string rest_;
  std::uint64_t dropped_ = 0;
};

}  // namespace tunneld::daemon
