// What is wrong with a configuration, said to a person: where, what, and how to fix it.
//
// Readers report and go on, so that one run of `check` shows every mistake and not only the first. This is
// the one place that knows what a message looks like.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/location.h"

namespace tunneld::config {

enum class Severity : std::uint8_t { kError, kWarning };

struct Diagnostic {
  Severity severity = Severity::kError;
  Location at;
  std::string message;
  /// How to fix it; empty if the message says it already.
  std::string hint;
};

/// "server.yaml:4:17: 'mtu' must be …; write …", with "warning: " before the message of a warning. No
/// newline.
[[nodiscard]] std::string to_string(const Diagnostic& diagnostic);
/// One line each.
[[nodiscard]] std::string to_string(const std::vector<Diagnostic>& diagnostics);

/// Text from a file, made fit for a message: in single quotes, cut at 60 bytes, control characters and bytes
/// that are not UTF-8 escaped, so that a file cannot forge lines of a log or drive a terminal.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// Collects diagnostics while files are read. Keeps the first kLimit: nobody reads more than that, and a
/// hostile file must not fill memory.
class Diagnostics {
 public:
  static constexpr std::size_t kLimit = 100;

  void error(Location at, std::string message, std::string hint = {});
  void warning(Location at, std::string message, std::string hint = {});
  [[nodiscard]] bool has_errors() const { return has_errors_; }
  /// In the order of the files as they were first named, then by line and column.
  [[nodiscard]] std::vector<Diagnostic> take();

 private:
  void add(Diagnostic diagnostic);

  std::vector<Diagnostic> diagnostics_;
  bool has_errors_ = false;
};

}  // namespace tunneld::config
