// A place in a configuration file, kept beside values so that a later check can name the line.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace tunneld::config {

/// A place in a file as editors count it: lines and columns from 1, columns in bytes. `file` is the name as
/// the user wrote it, shared by all locations of that file.
struct Location {
  std::shared_ptr<const std::string> file;
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

/// "server.yaml:4:17", the form that compilers print and editors jump to.
[[nodiscard]] std::string to_string(const Location& at);

/// A value and the place that set it. Two of them are equal when they mean the same, wherever they are
/// written.
template <typename T>
struct Located {
  T value{};
  Location at;
  friend bool operator==(const Located& a, const Located& b) { return a.value == b.value; }
};

}  // namespace tunneld::config
