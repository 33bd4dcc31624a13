#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "common/bytes.h"

namespace tunneld::protocol {

/// The source of the protocol's random bytes: crypto::random_bytes, or a seeded generator in the simulation.
using RandomBytes = std::function<void(MutableBytes)>;

[[nodiscard]] inline std::uint64_t random_number(const RandomBytes& random) {
  std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
  random(bytes);
  return load_le<std::uint64_t>(bytes.data());
}

}  // namespace tunneld::protocol
