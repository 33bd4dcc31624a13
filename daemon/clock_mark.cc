#include "daemon/clock_mark.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json.h"
#include "common/log.h"
#include "common/net/file_descriptor.h"
#include "config/service_user.h"
#include "daemon/host/state_file.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

/// How much is reserved at once. It is less while the clock is behind, or each restart would move the
/// timestamps further ahead of it.
constexpr Duration kStep = 60s, kStepBehind = 1s;
/// More than a killed run can have reserved.
constexpr Duration kWorthSaying = 2 * kStep;
/// 2025-01-01: tunneld is younger than this, so an earlier clock is wrong.
constexpr WallTime kBeforeUs{std::chrono::seconds(1735689600)};

}  // namespace

std::optional<WallTime> ClockMark::load() const {
  const net::FileDescriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open()) {
    if (errno != ENOENT) log::warn("{}: {}", path_.string(), std::generic_category().message(errno));
    return std::nullopt;
  }
  struct stat status {};
  const bool is_trusted = ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
                          config::is_trusted_owner(status.st_uid) && (status.st_mode & 022) == 0;
  std::array<char, 32> text{};
  const ssize_t length = is_trusted ? ::read(file.get(), text.data(), text.size()) : -1;
  std::int64_t nanoseconds = 0;
  if (length > 0) {
    const char* end = text.data() + length;
    const auto [rest, error] = std::from_chars(text.data(), end, nanoseconds);
    if (error == std::errc() && nanoseconds > 0 && std::string_view(rest, end) == "\n")
      return WallTime(Duration(nanoseconds));
  }
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
