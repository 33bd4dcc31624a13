#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "common/bytes.h"
#include "common/clock.h"

namespace tunneld::protocol {

/// The source of the protocol's random bytes: crypto::random_bytes, or a seeded generator in the simulation.
using RandomBytes = std::function<void(MutableBytes)>;

[[nodiscard]] inline std::uint64_t random_number(const RandomBytes& random) {
  std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
  random(bytes);
  return load_le<std::uint64_t>(bytes.data());
}
/// Uniform in [0, bound), bound well below 2^32.
[[nodiscard]] inline std::uint32_t random_below(const RandomBytes& random, std::uint32_t bound) {
  std::uint32_t value = 0;
  random(MutableBytes(reinterpret_cast<std::uint8_t*>(&value), sizeof value));
  return static_cast<std::uint32_t>((std::uint64_t{value} * bound) >> 32);
}
/// `most`: at most 4 s.
[[nodiscard]] inline Duration random_up_to(const RandomBytes& random, Duration most) {
  return Duration(random_below(random, static_cast<std::uint32_t>(most.count())));
}

}  // namespace tunneld::protocol
