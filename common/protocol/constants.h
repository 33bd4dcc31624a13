// The numbers of the protocol: WireGuard whitepaper (NDSS 2017, revised), section 6.1 unless noted.
#pragma once

#include <chrono>
#include <cstdint>

#include "common/clock.h"

namespace tunneld::protocol {

using namespace std::chrono_literals;

inline constexpr std::uint64_t kRekeyAfterMessages = std::uint64_t{1} << 60;
inline constexpr std::uint64_t kRejectAfterMessages = UINT64_MAX - (std::uint64_t{1} << 13);
/// The initiator asks for a new session when it sends under a key of this age.
inline constexpr Duration kRekeyAfterTime = 120s;
/// No key is used at this age or beyond, for sending or receiving.
inline constexpr Duration kRejectAfterTime = 180s;
/// The least time between two initiations, and how long an initiation waits for its response.
inline constexpr Duration kRekeyTimeout = 5s;
/// Random additional delay, so that both ends do not repeat in step.
inline constexpr Duration kRekeyTimeoutJitterMax = 333ms;
inline constexpr Duration kRekeyAttemptTime = 90s;
inline constexpr unsigned kMaxHandshakeAttempts = kRekeyAttemptTime / kRekeyTimeout;
inline constexpr Duration kKeepaliveTimeout = 10s;
/// Data was sent and nothing received for this long: section 6.5.
inline constexpr Duration kNewHandshakeAfter = kKeepaliveTimeout + kRekeyTimeout;
/// Not from the whitepaper: by now at least a keepalive should have come back, so the peer's address is
/// doubtful.
inline constexpr Duration kSilentAfter = kKeepaliveTimeout + 2s;
/// Not from the whitepaper, for a peer that answers PROBE: after this silence it is probed, …
inline constexpr Duration kProbeSilenceAfter = 2s;
/// … and after this silence a new handshake begins. A peer with several possible addresses is tried at the
/// others after kQuickTimeout instead of kRekeyTimeout.
inline constexpr Duration kQuickHandshakeAfter = 4s;
inline constexpr Duration kQuickTimeout = 2s;
/// The initiator renews the session when it receives data under a key of this age, so that the key does not
/// expire before it sends again (6.2).
inline constexpr Duration kRekeyOnReceiveAfter = kRejectAfterTime - kKeepaliveTimeout - kRekeyTimeout;
/// Section 6.3: after this long without a new session, the state of the last one is forgotten. Its keys are
/// wiped much earlier, at kRejectAfterTime, when they can no longer be used.
inline constexpr Duration kForgetSessionAfter = 3 * kRejectAfterTime;
/// At most one initiation per peer in this time (the reference's 50 per second).
inline constexpr Duration kInitiationInterval = 20ms;
/// Section 5.4.7: of a cookie, and of the secret that it is made from.
inline constexpr Duration kCookieLifetime = 120s;
/// A counter that is more than this behind the greatest is refused (the kernel's 8192 - 64).
inline constexpr std::uint64_t kReplayWindow = 8128;

/// Bytes of the largest control frame (docs/extension.md), header included: it fits any path that IPv6
/// allows.
inline constexpr std::size_t kMaxControlFrame = 1200;

}  // namespace tunneld::protocol
