#include "common/protocol/peer/lane_opening.h"

#include <algorithm>
#include <chrono>

namespace tunneld::protocol {
namespace {

constexpr unsigned kTries = 3;
constexpr Duration kAgainAfter = std::chrono::seconds(1);

}  // namespace

Instant LaneOpening::deadline() const {
  Instant first = kNever;
  for (const Asked& asked : asked_) first = std::min(first, asked.at);
  return first;
}

std::optional<unsigned> LaneOpening::next(Instant now) {
  std::erase_if(asked_, [now](const Asked& asked) { return asked.at <= now && asked.times == kTries; });
  for (Asked& asked : asked_) {
    if (asked.at > now) continue;
    ++asked.times;
    asked.at = now + kAgainAfter;
    return asked.lane;
  }
  return std::nullopt;
}

}  // namespace tunneld::protocol
