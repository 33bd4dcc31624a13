// Tells whether the responder is under load. If so, strangers must show a cookie before they cost an X25519.
//
// The reference looks at the length of its handshake queue, which one attacker can fill for everybody. Here
// arrivals are metered by leaky buckets in two ways: in total, and per source. A source that sends more than
// its share has to show a cookie itself, and its excess is not added to the total; so one attacker with one
// address never affects the others. An attacker with many (forged) addresses raises the total. Then everybody
// has to show a cookie, which honest peers can do. The state lasts for a second after the last excess.
#pragma once

#include "common/protocol/source_table.h"

namespace tunneld::protocol {

class LoadMeter {
 public:
  explicit LoadMeter(const RandomBytes& random) : sources_(random, std::chrono::seconds(2)) {}

  /// Counts one handshake message with a valid mac1 from `source`, and returns whether it must show a cookie.
  [[nodiscard]] bool under_load(const net::IpAddress& source, Instant now);

 private:
  /// Handshakes per second that do not count as load: in total (an X25519 handshake costs about 0.2 ms), and
  /// from one source.
  static constexpr double kTotalRate = 500, kTotalBurst = 512;
  /// The burst is large because after our restart all peers behind one address may call at once.
  static constexpr double kSourceRate = 20, kSourceBurst = 128;
  static constexpr Duration kSticky = std::chrono::seconds(1);

  struct Bucket {
    double level = 0;
    Instant updated{};
    Instant loaded_until{};
    /// Adds one; true while (or shortly after) the bucket overflows.
    bool add(double rate, double burst, Instant now);
  };

  Bucket total_;
  SourceTable<Bucket> sources_;
};

}  // namespace tunneld::protocol
