// Runs another program, directly and never by a shell. Its output goes to our log, not to our stderr: if nobody
// read our stderr, the program would block, and so would we.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace tunneld::daemon {

struct ProgramEnd {
  /// As waitpid(2) gives it.
  int status = 0;
  /// False: it took too long and was killed, together with the programs that it had started.
  bool in_time = true;
  /// The first kKeptOutput bytes of its stdout and stderr.
  std::string output;

  [[nodiscard]] bool is_success() const;
};

/// In bytes. Output beyond this is read and dropped.
inline constexpr std::size_t kKeptOutput = 4096;

/// `words`: the program's path and its arguments; `input`: for its standard input. Waits until the program
/// itself ends, but not for child processes that it leaves running. Throws std::system_error if it cannot be
/// started.
[[nodiscard]] ProgramEnd run_program(const std::vector<std::string>& words, const std::string& input,
                                     std::chrono::milliseconds patience);

/// How it ended and what it printed, in one line: "exit code 1: run-parts: dnsmasq: Permission denied".
[[nodiscard]] std::string in_words(const ProgramEnd& end);

}  // namespace tunneld::daemon
