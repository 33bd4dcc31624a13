#include "common/protocol/counters.h"

namespace tunneld::protocol {

std::string_view to_string(Drop reason) {
  static constexpr std::array<std::string_view, kDropReasons> kNames = {
      "malformed",          "unknown_index", "forged",
      "replayed",           "expired_key",   "inner_malformed",
      "source_not_allowed", "congestion",    "no_route",
      "no_endpoint",        "queue_full",    "unanswered",
      "door_full",          "bad_mac1",      "under_load",
      "unknown_peer",       "loop",          "handshake_refused",
      "wrong_layer",        "not_forwarded", "flood_limit",
      "too_large",          "send_failed",   "device_refused"};
  return reason < Drop::kCount ? kNames[static_cast<std::size_t>(reason)] : std::string_view("unknown");
}

}  // namespace tunneld::protocol
