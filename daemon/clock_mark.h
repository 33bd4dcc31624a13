// The file STATE_DIRECTORY/IF.clock: no initiation has had a timestamp beyond the time that stands in it
// (protocol/timestamps.h). Text, nanoseconds since 1970.
//
// A minute is reserved at a time, so that it is written once a minute at most, and replaced as a whole like
// the leases. Without the file, or where it cannot be written, the clock alone counts, as with any WireGuard.
#pragma once

#include <filesystem>
#include <optional>
#include <utility>

#include "common/clock.h"
#include "common/json.h"
#include "common/protocol/timestamps.h"

namespace tunneld::daemon {

class ClockMark {
 public:
  explicit ClockMark(std::filesystem::path path) : path_(std::move(path)) {}

  /// nullopt where there is none. What is damaged, or could have been written by others, is left alone, with
  /// a warning.
  [[nodiscard]] std::optional<WallTime> load() const;
  /// A timestamp beyond the mark is about to be sent: returns the new mark, which is on disk by then unless
  /// there was a warning.
  WallTime reserve(WallTime timestamp, WallTime clock);
  /// The run ends, and this was the last one sent: what was reserved beyond it is given back, so that the
  /// next run begins with the clock and not ahead of it. A run that was killed gives nothing back.
  void settle(WallTime last) const;

 private:
  void save(WallTime mark) const;

  std::filesystem::path path_;
  bool told_failed_ = false;
  bool told_behind_ = false;
};

/// For the status document: by how many seconds this host's clock is known to be behind, or null; and whether
/// it can be right at all.
[[nodiscard]] Json clock_status(const protocol::Timestamps& timestamps, WallTime clock);

}  // namespace tunneld::daemon
