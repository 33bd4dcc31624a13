// How long a client keeps its server's configuration: while the server is reachable, and then for the
// `lifetime` that the server has given.
#pragma once

#include <algorithm>
#include <chrono>

#include "common/clock.h"

namespace tunneld::daemon {

class ConfigTerm {
 public:
  /// The longest lifetime that a client accepts, and a server's default. Even if a server promises addresses for
  /// years, its client gives them up after a month without contact.
  static constexpr std::chrono::seconds kLongest = std::chrono::days(30);

  ConfigTerm(std::chrono::seconds lifetime, Instant now) : lifetime_(std::min(kLongest, lifetime)) {
    renew(now);
  }

  /// A term that has partly expired already.
  ConfigTerm(std::chrono::seconds lifetime, Instant now, Instant end) : ConfigTerm(lifetime, now) {
    end_ = std::min(end_, end);
  }

  [[nodiscard]] Instant end() const { return end_; }
  /// The server's lifetime, limited to kLongest.
  [[nodiscard]] std::chrono::seconds lifetime() const { return lifetime_; }
  /// The server is reachable.
  void renew(Instant now) { end_ = now + lifetime_; }
  /// The server has not been reachable for the lifetime, so it may have leased the addresses to another client.
  [[nodiscard]] bool is_over(Instant now) const { return now >= end_; }

 private:
  std::chrono::seconds lifetime_;
  Instant end_{};
};

}  // namespace tunneld::daemon
