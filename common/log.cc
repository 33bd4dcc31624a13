#include "common/log.h"

#include <atomic>
#include <cstdio>
#include <string>

namespace tunneld::log {
namespace {

void to_stderr(Level /*level*/, std::string_view line) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

std::atomic<Sink> the_sink = to_stderr;
std::atomic<Level> the_level = Level::kInfo;

}  // namespace

void set_sink(Sink sink) {
  the_sink = sink == nullptr ? to_stderr : sink;
}

void set_level(Level level) {
  the_level = level;
}

void write(Level level, fmt::string_view format, fmt::format_args arguments) noexcept {
  if (level < the_level.load(std::memory_order_relaxed)) return;
  try {
    the_sink.load(std::memory_order_relaxed)(level, fmt::vformat(format, arguments));
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "a log line is lost: %s\n", failure.what());
  }
}

}  // namespace tunneld::log
