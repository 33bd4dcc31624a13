// TAI64N timestamps: what makes an initiation fresh (whitepaper section 5.1).
#pragma once

#include <array>
#include <compare>

#include "common/bytes.h"
#include "common/clock.h"

namespace tunneld::protocol {

/// 8 bytes of seconds and 4 of nanoseconds, big-endian, so that byte order is time order. Rounded down to
/// 2^24 ns (about 17 ms), so that the clock's exact value does not identify the machine.
struct Tai64n {
  std::array<std::uint8_t, 12> bytes{};

  [[nodiscard]] static Tai64n from(WallTime time) {
    const auto since_epoch = time.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
    const auto nanoseconds = static_cast<std::uint32_t>((since_epoch - seconds).count());
    Tai64n stamp;
    store_be64(stamp.bytes.data(),
               (std::uint64_t{1} << 62) + 10 + static_cast<std::uint64_t>(seconds.count()));
    store_be32(stamp.bytes.data() + 8, nanoseconds & ~((std::uint32_t{1} << 24) - 1));
    return stamp;
  }
  auto operator<=>(const Tai64n&) const = default;
};

}  // namespace tunneld::protocol
