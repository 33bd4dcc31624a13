// Another program, started directly and never by a shell, whose words go to our log and not to our stderr: a
// stderr that nobody reads would stop it, and us with it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace tunneld::daemon {

struct ProgramEnd {
  /// As waitpid(2) gives it.
  int status = 0;
  /// False: it was killed, with what it had started, because it took too long.
  bool in_time = true;
  /// The first kKeptOutput bytes of what it printed, to stdout and stderr.
  std::string output;

  [[nodiscard]] bool is_success() const;
};

/// What is printed beyond it is read and dropped, bytes.
inline constexpr std::size_t kKeptOutput = 4096;

/// `words`: the program's path and its arguments; `input`: for its standard input. Waits until it ends, not
/// until what it leaves running does. Throws std::system_error where it cannot be started.
[[nodiscard]] ProgramEnd run_program(const std::vector<std::string>& words, const std::string& input,
                                     std::chrono::milliseconds patience);

/// How it ended and what it said, in one line: "exit code 1: run-parts: dnsmasq: Permission denied".
[[nodiscard]] std::string in_words(const ProgramEnd& end);

}  // namespace tunneld::daemon
