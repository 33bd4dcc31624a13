// The file STATE_DIRECTORY/IF.clock holds a time: no initiation has had a later timestamp
// (protocol/timestamps.h). Text, nanoseconds since 1970.
//
// A minute is reserved at a time, so the file is written at most once a minute; it is replaced as a whole
// like the leases. If the file is missing or cannot be written, only the clock counts, as with any WireGuard.
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

  /// nullopt if there is none. A file that is damaged, or that others could have written, is ignored with a
  /// warning.
  [[nodiscard]] std::optional<WallTime> load() const;
  /// A timestamp beyond the mark is about to be sent: returns the new mark. It is on disk by then, unless a
  /// warning was logged.
  WallTime reserve(WallTime timestamp, WallTime clock);
  /// The run ends, and `last` was its last timestamp. Lowers the mark to it, so that the next run starts at the
  /// clock's time and not ahead of it. After a kill, the mark stays where it was.
  void settle(WallTime last) const;

 private:
  void save(WallTime mark) const;

  std::filesystem::path path_;
  bool told_failed_ = false;
  bool told_behind_ = false;
};

/// For the status document: by how many seconds this host's clock is known to be behind, or null; and whether
/// it is plausible at all.
[[nodiscard]] Json clock_status(const protocol::Timestamps& timestamps, WallTime clock);

}  // namespace tunneld::daemon
