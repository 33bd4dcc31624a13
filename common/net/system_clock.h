// The only place where the daemon reads a clock.
//
// CLOCK_BOOTTIME runs on while the machine sleeps, so a key is as old after a night in a closed lid as it
// looks. Both reads are vdso calls: tens of nanoseconds, no system call, so a worker may stamp every batch.
#pragma once

#include "common/clock.h"

namespace tunneld::net {

/// CLOCK_BOOTTIME alone: what the packet path needs.
[[nodiscard]] Instant boot_now();
/// CLOCK_BOOTTIME and CLOCK_REALTIME, read one after the other.
[[nodiscard]] Now now();

}  // namespace tunneld::net
