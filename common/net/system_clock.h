// The only place where the daemon reads a clock.
//
// CLOCK_BOOTTIME keeps running while the machine sleeps, so a key's age includes a night with the lid closed.
// Both reads are vdso calls: tens of nanoseconds, no system call, so a worker may stamp every batch.
#pragma once

#include "common/clock.h"

namespace tunneld::net {

/// CLOCK_BOOTTIME alone: what the packet path needs.
[[nodiscard]] Instant boot_now();
/// CLOCK_BOOTTIME and CLOCK_REALTIME, read one after the other.
[[nodiscard]] Now now();

}  // namespace tunneld::net
