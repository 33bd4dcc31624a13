// The one door for log lines: one line per event that a person cares about; nothing per packet; no secret at
// any level.
//
// Only this file's templates are compiled where a line is written. Where lines go is decided at the edge
// (daemon/log.h); until then, and in tests that do not ask, they go to stderr as they are.
#pragma once

#include <string_view>

#include <fmt/core.h>

#include "common/log_level.h"

namespace tunneld::log {

/// Gets lines without a newline, from any thread.
using Sink = void (*)(Level level, std::string_view line);

/// nullptr: to stderr again.
void set_sink(Sink sink);
/// Lines below it are neither formatted nor passed on.
void set_level(Level level);

/// Never throws: a line that cannot be formatted is lost.
void write(Level level, fmt::string_view format, fmt::format_args arguments) noexcept;

template <typename... Arguments>
void line(Level level, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(level, format, fmt::make_format_args(arguments...));
}
template <typename... Arguments>
void debug(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::kDebug, format, fmt::make_format_args(arguments...));
}
template <typename... Arguments>
void info(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::kInfo, format, fmt::make_format_args(arguments...));
}
template <typename... Arguments>
void warn(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::kWarning, format, fmt::make_format_args(arguments...));
}
template <typename... Arguments>
void error(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::kError, format, fmt::make_format_args(arguments...));
}

}  // namespace tunneld::log
