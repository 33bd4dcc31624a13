// A result of `tunneld doctor`.
#pragma once

#include <cstdint>
#include <string>

namespace tunneld::daemon {

enum class Health : std::uint8_t { kGood, kUnclear, kBad };

struct Finding {
  Health health = Health::kGood;
  /// A peer's name; empty if it concerns the whole interface.
  std::string peer;
  std::string words;
  bool operator==(const Finding&) const = default;
};

}  // namespace tunneld::daemon
