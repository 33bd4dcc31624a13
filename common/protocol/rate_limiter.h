// Per-source limit on handshakes while under load: 20 per second, bursts of 5 (whitepaper section 5.3).
#pragma once

#include "common/protocol/source_table.h"

namespace tunneld::protocol {

class RateLimiter {
 public:
  explicit RateLimiter(const RandomBytes& random) : sources_(random, std::chrono::seconds(1)) {}

  /// False: over the limit, or the table of 65,536 sources is full.
  [[nodiscard]] bool allow(const net::IpAddress& source, Instant now);

 private:
  static constexpr Duration kCost = std::chrono::milliseconds(50);
  static constexpr Duration kBurst = 5 * kCost;
  struct Bucket {
    bool filled = false;
    Duration tokens{};
    Instant updated{};
  };
  SourceTable<Bucket> sources_;
};

}  // namespace tunneld::protocol
