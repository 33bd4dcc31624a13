// Time in the protocol: a value that is passed in, never read inside.
//
// Key ages, timers and deadlines use CLOCK_BOOTTIME, because a key also ages while the machine sleeps. TAI64N
// handshake timestamps use wall-clock time. Both are plain values, so tests run days of timers in
// milliseconds.
#pragma once

#include <chrono>
#include <cstdint>

namespace tunneld {

using Duration = std::chrono::nanoseconds;

/// Tag for time points on CLOCK_BOOTTIME. It has no now(): only the edge (net/system_clock.h) reads the
/// clock.
struct BootClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock, duration>;
  static constexpr bool is_steady = true;
};
using Instant = BootClock::time_point;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

/// Both clocks, read together.
struct Now {
  Instant boot;
  WallTime wall;
};

/// "No deadline": later than every real instant.
inline constexpr Instant kNever = Instant::max();

}  // namespace tunneld
