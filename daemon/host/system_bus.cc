#include "daemon/host/system_bus.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace tunneld::daemon {

void wait_until_ready(sd_bus* bus, std::chrono::steady_clock::time_point until, const std::string& what) {
  using Clock = std::chrono::steady_clock;
  while (sd_checked(sd_bus_is_ready(bus), what) == 0) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(until - Clock::now()).count();
    if (left <= 0) fail(ETIMEDOUT, what);
    if (sd_checked(sd_bus_process(bus, nullptr), what) > 0) continue;
    sd_checked(sd_bus_wait(bus, static_cast<std::uint64_t>(std::max<std::int64_t>(left, 1))), what);
  }
}

}  // namespace tunneld::daemon
