// The only interface for log lines: one line per event that a person cares about; nothing per packet; no
// secrets at any level.
//
// A caller compiles only the templates of this file. The daemon decides where lines go (daemon/logging.h); before
// that, and in tests that do not set a sink, they go to stderr unchanged.
#pragma once

#include <string_view>

#include <fmt/core.h>

#include "common/log_level.h"

namespace tunneld::log {

/// Gets lines without a newline, from any thread.
using Sink = void (*)(Level level, std::string_view line);

/// nullptr: back to stderr.
void set_sink(Sink sink);
/// Lines below this level are neither formatted nor passed on.
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
