#include "daemon/log.h"

#include <cstdlib>
#include <map>
#include <memory>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tunneld::daemon {
namespace {

/// systemd sets JOURNAL_STREAM to the device and inode of the stream it gave us; a redirected stderr is
/// another one.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

/// syslog(3) priorities, as sd-daemon(3) reads them at the start of a line.
class JournalPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    static const std::map<spdlog::level::level_enum, std::string> kPriorities = {
        {spdlog::level::trace, "<7>"}, {spdlog::level::debug, "<7>"}, {spdlog::level::info, "<6>"},
        {spdlog::level::warn, "<4>"},  {spdlog::level::err, "<3>"},   {spdlog::level::critical, "<2>"}};
    const auto found = kPriorities.find(message.level);
    if (found != kPriorities.end())
      out.append(found->second.data(), found->second.data() + found->second.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return spdlog::details::make_unique<JournalPriority>();
  }
};

spdlog::level::level_enum level_of(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::kTrace:
      return spdlog::level::trace;
    case config::LogLevel::kDebug:
      return spdlog::level::debug;
    case config::LogLevel::kInfo:
      return spdlog::level::info;
    case config::LogLevel::kWarning:
      return spdlog::level::warn;
    case config::LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void start_logging(config::LogLevel level) {
  auto logger =
      std::make_shared<spdlog::logger>("tunneld", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  if (stderr_is_journal()) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<JournalPriority>('*').set_pattern("%*%v");
    logger->set_formatter(std::move(formatter));
  } else {
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v");
  }
  logger->set_level(level_of(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void set_log_level(config::LogLevel level) {
  spdlog::set_level(level_of(level));
}

bool set_log_level(const std::string& name) {
  const spdlog::level::level_enum level = spdlog::level::from_str(name);
  if (level == spdlog::level::off) return false;
  spdlog::set_level(level);
  return true;
}

}  // namespace tunneld::daemon
