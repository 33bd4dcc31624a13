// Which authentic initiations of a peer are answered: none twice (whitepaper section 5.1), and not too many.
// Strangers' messages are refused before that, by handshake_admission.h.
#pragma once

#include <optional>

#include "common/clock.h"
#include "common/protocol/constants.h"
#include "common/protocol/tai64n.h"

namespace tunneld::protocol {

class InitiationFilter {
 public:
  [[nodiscard]] bool admits(const Tai64n& timestamp, Instant now) const {
    if (greatest_ && timestamp <= *greatest_) return false;
    return !last_taken_ || now - *last_taken_ >= kInitiationInterval;
  }
  /// One has been answered.
  void taken(const Tai64n& timestamp, Instant now) {
    greatest_ = timestamp;
    last_taken_ = now;
  }

 private:
  std::optional<Tai64n> greatest_;
  std::optional<Instant> last_taken_;
};

}  // namespace tunneld::protocol
