// A descriptor that lines are written to without ever waiting for whoever reads them.
//
// A pipe that nobody empties, a stopped terminal or a journal that hangs must not stop the thread that does
// handshakes and obeys signals. O_NONBLOCK on the descriptor that we were given would also be set for all who
// share it (a shell, other services), so a pipe or terminal is opened once more through /proc/self/fd, where
// the flag is ours alone, and a socket is asked per message. What has no room is dropped and counted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {

class LogStream {
 public:
  /// Does not own `fd`, and leaves its flags as they are.
  explicit LogStream(int fd);

  /// `line` with its newline: all of it is written, now or before the next one, or nothing. Where lines have
  /// been dropped before, their number comes first, in a line with `prefix` before it.
  void write(std::string_view line, std::string_view prefix = {});

  /// Since the last line that told how many.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  enum class Kind : std::uint8_t { kSocket, kOwn, kShared };

  /// Bytes written, 0 where there is no room or nobody to read.
  [[nodiscard]] std::size_t write_some(std::string_view text) const;
  /// False where nothing of it could be written.
  bool begin(std::string_view line);
  bool finish_rest();

  int fd_;
  Kind kind_ = Kind::kShared;
  net::FileDescriptor own_;
  /// Of a line that has been begun.
  std::string rest_;
  std::uint64_t dropped_ = 0;
};

}  // namespace tunneld::daemon
