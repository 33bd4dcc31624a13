// The numbers of the protocol: WireGuard whitepaper (NDSS 2017, revised), section 6.1 unless noted.
#pragma once

#include <chrono>
#include <cstdint>

#include "common/clock.h"

namespace tunneld::protocol {

using namespace std::chrono_literals;

inline constexpr std::uint64_t kRekeyAfterMessages = std::uint64_t{1} << 60;
inline constexpr std::uint64_t kRejectAfterMessages = UINT64_MAX - (std::uint64_t{1} << 13);
/// The initiator asks for a successor when it sends under a key of this age.
inline constexpr Duration kRekeyAfterTime = 120s;
/// No key is used at this age or beyond, for sending or receiving.
inline constexpr Duration kRejectAfterTime = 180s;
/// At least this long between two initiations, and how long an initiation waits for its response.
inline constexpr Duration kRekeyTimeout = 5s;
/// Random delay on top, so that two ends do not repeat in step.
inline constexpr Duration kRekeyTimeoutJitterMax = 333ms;
inline constexpr Duration kRekeyAttemptTime = 90s;
inline constexpr unsigned kMaxHandshakeAttempts = kRekeyAttemptTime / kRekeyTimeout;
inline constexpr Duration kKeepaliveTimeout = 10s;
/// Sent data, heard nothing: section 6.5.
inline constexpr Duration kNewHandshakeAfter = kKeepaliveTimeout + kRekeyTimeout;
/// Not the whitepaper's: by now a keepalive, at least, should have come back; time to doubt the peer's
/// address.
inline constexpr Duration kSilentAfter = kKeepaliveTimeout + 2s;
/// Not the whitepaper's either, for a peer that answers PROBE: after so much silence it is asked, …
inline constexpr Duration kProbeSilenceAfter = 2s;
/// … and after so much it is called anew. A peer that may be at several addresses is tried at the others
/// after kQuickTimeout instead of kRekeyTimeout.
inline constexpr Duration kQuickHandshakeAfter = 4s;
inline constexpr Duration kQuickTimeout = 2s;
/// Received data under a key of this age: the initiator renews it, lest it expire before it sends again
/// (6.2).
inline constexpr Duration kRekeyOnReceiveAfter = kRejectAfterTime - kKeepaliveTimeout - kRekeyTimeout;
/// Section 6.3: no new session for this long, and what is known of the last one is forgotten. Its keys are
/// wiped long before, at kRejectAfterTime, when they are of no use any more.
inline constexpr Duration kForgetSessionAfter = 3 * kRejectAfterTime;
/// At most one initiation per peer in this time (the reference's 50 per second).
inline constexpr Duration kInitiationInterval = 20ms;
/// Section 5.4.7: a cookie, and the secret it is made from.
inline constexpr Duration kCookieLifetime = 120s;
/// Counters behind the greatest by more than this are refused (the kernel's 8192 - 64).
inline constexpr std::uint64_t kReplayWindow = 8128;

/// Bytes of the largest control frame (docs/extension.md), header included: fits any path that IPv6 allows.
inline constexpr std::size_t kMaxControlFrame = 1200;

}  // namespace tunneld::protocol
