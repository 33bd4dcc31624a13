#include "daemon/logging.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <spdlog/details/os.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/log_about.h"
#include "daemon/journald_stream.h"
#include "daemon/log_stream.h"

namespace tunneld::daemon {
namespace {

/// systemd sets JOURNAL_STREAM to the device and inode of the stream it gave us; a redirected stderr has
/// others.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

/// syslog(3) priorities, as sd-daemon(3) reads them at the start of a line.
const char* priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return "<7>";
    case spdlog::level::info:
      return "<6>";
    case spdlog::level::warn:
      return "<4>";
    case spdlog::level::err:
      return "<3>";
    default:
      return "<2>";
  }
}

/// The journal stores each line as a message of its own.
std::string with_priority(std::string text, spdlog::level::level_enum level) {
  for (std::size_t begin = 0; begin < text.size(); begin = std::min(text.find('\n', begin), text.size()) + 1)
    text.insert(begin, priority_of(level));
  return text;
}

const char* colour_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::info:
      return "\033[32m";
    case spdlog::level::warn:
      return "\033[33m\033[1m";
    case spdlog::level::err:
    case spdlog::level::critical:
      return "\033[31m\033[1m";
    default:
      return "\033[36m";
  }
}

class JournalPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string_view priority = priority_of(message.level);
    out.append(priority.data(), priority.data() + priority.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return spdlog::details::make_unique<JournalPriority>();
  }
};

/// The only writer to stderr; it never waits (daemon/log_stream.h).
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit StderrSink(bool is_journal)
      : prefix_(is_journal ? priority_of(spdlog::level::warn) : ""),
        is_coloured_(!is_journal && spdlog::details::os::in_terminal(stderr) &&
                     spdlog::details::os::is_color_terminal()) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    std::string line(text.data(), text.size());
    if (is_coloured_ && message.color_range_end > message.color_range_start) {
      line.insert(message.color_range_end, "\033[m");
      line.insert(message.color_range_start, colour_of(message.level));
    }
    stream_.write(line, prefix_);
  }
  void flush_() override {}

  LogStream stream_{STDERR_FILENO};
  std::string_view prefix_;
  bool is_coloured_;
};

class JournalSink {
 public:
  explicit JournalSink(std::string interface) : interface_(std::move(interface)) {}

  /// False: the journal cannot be reached.
  [[nodiscard]] bool write(spdlog::level::level_enum level, std::string_view line) {
    const std::scoped_lock lock(mutex_);
    const std::array<JournalField, 6> fields{
        JournalField{"PRIORITY", number(level)},   {"SYSLOG_IDENTIFIER", "tunneld"},
        {"TUNNELD_INTERFACE", interface_},         {"TUNNELD_PEER", log::the_subject.peer},
        {"TUNNELD_EVENT", log::the_subject.event}, {"MESSAGE", line}};
    const std::array<JournalField, 3> notice{JournalField{"PRIORITY", number(spdlog::level::warn)},
                                             {"SYSLOG_IDENTIFIER", "tunneld"},
                                             {"TUNNELD_INTERFACE", interface_}};
    return stream_.write(fields, notice);
  }

 private:
  static std::string_view number(spdlog::level::level_enum level) {
    return std::string_view(priority_of(level)).substr(1, 1);
  }

  std::mutex mutex_;
  std::string interface_;
  JournaldStream stream_;
};

/// nullptr: stderr is not the journal.
std::unique_ptr<JournalSink> the_journal;

spdlog::level::level_enum to_spdlog(log::Level level) {
  switch (level) {
    case log::Level::kTrace:
      return spdlog::level::trace;
    case log::Level::kDebug:
      return spdlog::level::debug;
    case log::Level::kInfo:
      return spdlog::level::info;
    case log::Level::kWarning:
      return spdlog::level::warn;
    case log::Level::kError:
      return spdlog::level::err;
    case log::Level::kOff:
      break;
  }
  return spdlog::level::off;
}

void to_stderr_sink(log::Level level, std::string_view line) {
  spdlog::default_logger_raw()->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

void to_logger(log::Level level, std::string_view line) {
  if (the_journal && the_journal->write(to_spdlog(level), line)) return;
  to_stderr_sink(level, line);
}

}  // namespace

void log_last_words(std::string_view words) {
  to_stderr_sink(log::Level::kError, words);
}

void print_error(const std::string& words) {
  const std::string line = "tunneld: " + words + "\n";
  LogStream(STDERR_FILENO).write(stderr_is_journal() ? with_priority(line, spdlog::level::err) : line);
}

void print_diagnostics(const std::vector<config::Diagnostic>& diagnostics) {
  const bool is_journal = stderr_is_journal();
  LogStream stream(STDERR_FILENO);
  for (const config::Diagnostic& diagnostic : diagnostics) {
    const bool is_error = diagnostic.severity == config::Severity::kError;
    const std::string line = to_string(diagnostic) + "\n";
    stream.write(is_journal ? with_priority(line, is_error ? spdlog::level::err : spdlog::level::warn)
                            : line);
  }
}

void start_logging(log::Level level, std::string interface) {
  const bool is_journal = stderr_is_journal();
  the_journal = is_journal ? std::make_unique<JournalSink>(std::move(interface)) : nullptr;
  auto logger = std::make_shared<spdlog::logger>("tunneld", std::make_shared<StderrSink>(is_journal));
  if (is_journal) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<JournalPriority>('*').set_pattern("%*%v");
    logger->set_formatter(std::move(formatter));
  } else {
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v");
  }
  logger->set_level(spdlog::level::trace);  // common/log.h has filtered already
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  log::set_level(level);
  log::set_sink(to_logger);
}

}  // namespace tunneld::daemon
