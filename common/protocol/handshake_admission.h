// Decides which handshake messages from strangers are processed at all. Anybody can send them, and each costs
// an X25519 or two. So before that a message has to show:
//
//   - that its sender knows our public key (mac1), always;
//   - that its sender receives at its source address (mac2, made with the cookie that we give), under load;
//   - that this address does not send too many, under load.
//
// (Whitepaper section 5.3.) An initiation that has authenticated is then checked for replays and for the
// peer's own rate by peer/initiation_filter.h.
#pragma once

#include <optional>

#include "common/protocol/actions.h"
#include "common/protocol/cookie.h"
#include "common/protocol/counters.h"
#include "common/protocol/load_meter.h"
#include "common/protocol/rate_limiter.h"

namespace tunneld::protocol {

class HandshakeAdmission {
 public:
  HandshakeAdmission(const crypto::PublicKey& own_key, const RandomBytes& random)
      : cookies_(own_key, random), load_(random), limiter_(random) {}

  /// Why an initiation or a response is dropped; nullopt: it is admitted. A sender that has to show a cookie
  /// is sent one.
  [[nodiscard]] std::optional<Drop> refuses(ByteView message, std::uint32_t sender_index,
                                            const net::Endpoint& from, Instant now, Actions& actions);

 private:
  CookieChecker cookies_;
  LoadMeter load_;
  RateLimiter limiter_;
};

}  // namespace tunneld::protocol
