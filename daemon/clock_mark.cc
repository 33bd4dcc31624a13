#include "daemon/clock_mark.h"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/json.h"
#include "common/log.h"
#include "common/net/file_descriptor.h"
#include "daemon/host/state_file.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

/// How much is reserved at once. It is less while the clock is behind, or each restart would move the
/// timestamps further ahead of it.
constexpr Duration kStep = 60s, kStepBehind = 1s;
/// Bytes; a time and a newline are 20.
constexpr off_t kLongestMark = 32;
/// More than a killed run can have reserved.
constexpr Duration kWorthSaying = 2 * kStep;
/// 2025-01-01: tunneld is younger than this, so an earlier clock is wrong.
constexpr WallTime kBeforeUs{std::chrono::seconds(1735689600)};

}  // namespace

std::optional<WallTime> ClockMark::load() const {
  const net::FileDescriptor file = open_state_file(path_);
  if (!file.is_open()) {
    if (errno != ENOENT) log::warn("{}: {}", path_.string(), std::generic_category().message(errno));
    return std::nullopt;
  }
  std::string text;
  try {
    if (size_if_trusted(file, path_)) text = read_up_to(file, kLongestMark, path_);
  } catch (const std::system_error&) {
    // As one that is damaged.
  }
  std::int64_t nanoseconds = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, nanoseconds);
  if (error == std::errc() && nanoseconds > 0 && std::string_view(rest, end) == "\n")
    return WallTime(Duration(nanoseconds));
  log::warn("{} is damaged, or could have been written by others: ignored", path_.string());
  return std::nullopt;
}

WallTime ClockMark::reserve(WallTime timestamp, WallTime clock) {
  const bool is_behind = timestamp > clock;
  if (timestamp - clock > kWorthSaying && !std::exchange(told_behind_, true)) {
    log::warn(
        "this host's clock is at least {} s behind the handshakes that it has sent: they continue from their "
        "last timestamp; set the clock",
        std::chrono::duration_cast<std::chrono::seconds>(timestamp - clock).count());
  }
  const WallTime mark = timestamp + (is_behind ? kStepBehind : kStep);
  try {
    save(mark);
  } catch (const std::exception& error) {
    if (!std::exchange(told_failed_, true))
      log::warn(
          "cannot store the timestamp of the last handshake: peers may refuse this host after a restart with "
          "its clock set back: {}",
          error.what());
    return timestamp + kStep;  // not tried again with every handshake
  }
  return mark;
}

void ClockMark::settle(WallTime last) const {
  if (last == WallTime()) return;
  try {
    save(last);
  } catch (const std::exception&) {
    // reserve() has reported it.
  }
}

void ClockMark::save(WallTime mark) const {
  write_state_file(path_, std::to_string(mark.time_since_epoch().count()) + "\n");
}

Json clock_status(const protocol::Timestamps& timestamps, WallTime clock) {
  const Duration behind = timestamps.behind(clock);
  Json json{{"behind_seconds", nullptr}, {"plausible", clock >= kBeforeUs}};
  if (behind > kWorthSaying)
    json["behind_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(behind).count();
  return json;
}

}  // namespace tunneld::daemon
