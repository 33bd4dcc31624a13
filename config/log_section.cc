// `log:`: how much the daemon says.

#include "config/sections.h"

namespace tunneld::config {

LogConfig read_log(const Node& node) {
  constexpr std::array kLevels{
      Word<LogLevel>{"trace", LogLevel::kTrace}, Word<LogLevel>{"debug", LogLevel::kDebug},
      Word<LogLevel>{"info", LogLevel::kInfo}, Word<LogLevel>{"warning", LogLevel::kWarning},
      Word<LogLevel>{"error", LogLevel::kError}};
  LogConfig log;
  Mapping keys(node);
  if (const auto level = keys.find("level")) log.level = level->choice(kLevels).value_or(log.level);
  keys.finish();
  return log;
}

}  // namespace tunneld::config
