// For how long a client keeps what its server has given: for as long as the server is there, and for the
// `lifetime` that it has said after that.
#pragma once

#include <algorithm>
#include <chrono>

#include "common/clock.h"

namespace tunneld::daemon {

class ConfigTerm {
 public:
  /// A server may promise addresses for years; one that has not been heard of for a month is believed no
  /// longer. It is what a server says if nobody tells it otherwise.
  static constexpr std::chrono::seconds kLongest = std::chrono::days(30);

  ConfigTerm(std::chrono::seconds lifetime, Instant now) : lifetime_(std::min(kLongest, lifetime)) {
    renew(now);
  }

  /// The server is there.
  void renew(Instant now) { end_ = now + lifetime_; }
  /// It was there last more than a lifetime ago: the addresses may be somebody else's.
  [[nodiscard]] bool is_over(Instant now) const { return now >= end_; }

 private:
  std::chrono::seconds lifetime_;
  Instant end_{};
};

}  // namespace tunneld::daemon
