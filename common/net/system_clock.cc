#include "common/net/system_clock.h"

#include <ctime>

namespace tunneld::net {
namespace {

Duration read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);  // cannot fail: both clocks exist on every kernel since 2.6.39
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Instant boot_now() {
  return Instant(read_clock(CLOCK_BOOTTIME));
}

Now now() {
  return {boot_now(), WallTime(read_clock(CLOCK_REALTIME))};
}

}  // namespace tunneld::net
