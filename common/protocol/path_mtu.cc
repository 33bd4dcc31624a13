#include "common/protocol/path_mtu.h"

#include <algorithm>
#include <utility>

namespace tunneld::protocol {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Used while there is no sample. Afterwards the timer follows the round-trip time, within these bounds.
constexpr Duration kFirstTimeout = seconds(1);
constexpr Duration kLeastTimeout = milliseconds(250);
constexpr Duration kMostTimeout = seconds(3);
/// Longest pause between rounds while the path is dead.
constexpr Duration kMostSilence = seconds(5);
constexpr Duration kLookEvery = seconds(1);

/// Outer MTUs that are common in networks: 1500 Ethernet, 1492 PPPoE, 1480 6in4, 1476 GRE, 1460 mobile
/// networks, 1454 and 1452 PPPoE variants, 1450 VXLAN, 1442 Geneve, 1420 WireGuard, 9000 jumbo frames. Around
/// an inner packet there are 60 bytes of IPv4, UDP and a data message, or 80 with IPv6.
constexpr std::array<std::uint32_t, 21> kCommonOuter = {1280, 1300, 1340, 1360, 1380, 1400, 1420,
                                                        1430, 1440, 1442, 1450, 1452, 1454, 1460,
                                                        1472, 1476, 1480, 1492, 1500, 8900, 9000};

}  // namespace

void PathMtu::begin(const Bounds& bounds, bool answers, Instant now) {
  bounds_ = bounds;
  bounds_.least = std::min(bounds_.least, bounds_.most);
  bounds_.start = std::clamp(bounds_.start, bounds_.least, bounds_.most);
  limit_ = bounds_.start;
  source_ = Source::kAssumed;
  good_ = 0;
  bad_ = bounds_.most + 1;
  try_at_ = look_at_ = confirm_at_ = raise_at_ = kNever;
  sent_ = {};  // a late acknowledgement belongs to the old path
  large_sent_ = false;
  phase_ = Phase::kOff;
  if (!answers) return;
  phase_ = Phase::kSearching;
  probe_next(now);
}

void PathMtu::doubt(Instant now) {
  if (phase_ != Phase::kComplete) return;
  phase_ = Phase::kChecking;
  start_probing(limit_, now);
}

void PathMtu::wake(Instant now) {
  if (phase_ == Phase::kComplete && look_at_ == kNever) look_at_ = now + kLookEvery;
}

Instant PathMtu::deadline() const {
  if (phase_ == Phase::kOff) return kNever;
  return phase_ == Phase::kComplete ? std::min(look_at_, raise_at_) : try_at_;
}

// --- Time

PathMtu::Probes PathMtu::advance(bool large_sent, Instant last_received, bool busy, Instant now) {
  Probes probes{};
  if (phase_ == Phase::kOff) return probes;
  // Between two looks there are other calls, which must not lose it.
  large_sent_ = large_sent_ || large_sent;
  if (phase_ == Phase::kComplete && now >= look_at_) {
    look_at_ = busy ? now + kLookEvery : kNever;
    const bool silent = now - last_received >= kSuspiciousSilence;
    if (std::exchange(large_sent_, false) && (silent || now >= confirm_at_)) doubt(now);
  }
  if (phase_ == Phase::kComplete && now >= raise_at_) {
    raise_at_ = kNever;
    bad_ = bounds_.most + 1;  // sizes that were lost then may pass now
    phase_ = Phase::kSearching;
    probe_next(now);
  }
  if (now >= try_at_ && tries_ >= (in_use() ? kTriesInUse : kTries)) {
    if (companion_arrived_) {
      lost(now);
    } else {
      // Nothing arrives at all, which says nothing about sizes. The next round waits longer.
      ++silent_rounds_;
      tries_ = 0;
    }
  }
  if (now >= try_at_) {
    ++tries_;
    probes[0] = send(candidate_, now);
    if (tries_ > 1 || !round_trip_time_ || silent_rounds_ > 0) probes[1] = send(0, now);
    const Duration wait = silent_rounds_ > 0 ? timeout() * (1U << std::min(silent_rounds_, 6U)) : timeout();
    try_at_ = now + std::min(wait, kMostSilence);
  }
  return probes;
}

PathMtu::Probe PathMtu::send(std::uint32_t size, Instant now) {
  const std::uint64_t id = ++last_id_;
  sent_[id % sent_.size()] = {id, size, now};
  return {id, size};
}

void PathMtu::acknowledged(std::uint64_t id, Instant now) {
  Sent& sent = sent_[id % sent_.size()];
  if (id == 0 || sent.id != id) return;  // too late, for another path, or invented
  const std::uint32_t size = sent.size;
  measure(now - sent.at);
  sent = {};
  silent_rounds_ = 0;
  if (phase_ == Phase::kOff) return;
  if (size == 0) {
    companion_arrived_ = true;
    // The first sample: the timer can be shortened.
    if (try_at_ != kNever) try_at_ = std::min(try_at_, now + timeout());
    return;
  }
  good_ = std::max(good_, size);
  if (size >= bad_) bad_ = bounds_.most + 1;
  // The limit is now proven. An acknowledged size below it proves nothing about a limit that is only assumed.
  if (size >= limit_) {
    limit_ = size;
    source_ = Source::kProbed;
  }
  if (try_at_ == kNever || size < candidate_) return;
  phase_ = Phase::kSearching;
  probe_next(now);
}

void PathMtu::lost(Instant now) {
  bad_ = std::min(bad_, candidate_);
  if (in_use()) {
    limit_ = std::min(limit_, bounds_.least);
    source_ = Source::kBlackHole;
    if (good_ >= bad_) good_ = 0;
  }
  phase_ = Phase::kSearching;
  probe_next(now);
}

void PathMtu::refused(std::uint32_t size, Instant now) {
  if (phase_ == Phase::kOff || size >= bad_ || size <= bounds_.least) return;
  bad_ = size;
  if (good_ >= bad_) good_ = 0;
  if (limit_ >= bad_) {
    limit_ = bounds_.least;
    source_ = Source::kAssumed;
  }
  phase_ = Phase::kSearching;
  probe_next(now);
}

// --- The search

void PathMtu::probe_next(Instant now) {
  const std::uint32_t size = next_size();
  if (size == 0) return complete(now);
  start_probing(size, now);
}

void PathMtu::start_probing(std::uint32_t size, Instant now) {
  candidate_ = size;
  tries_ = silent_rounds_ = 0;
  companion_arrived_ = false;
  try_at_ = now;
}

void PathMtu::complete(Instant now) {
  phase_ = Phase::kComplete;
  try_at_ = kNever;
  look_at_ = now + kLookEvery;
  confirm_at_ = now + kConfirmEvery;
  if (raise_at_ == kNever && limit_ < bounds_.most) raise_at_ = now + kRaiseAfter;
}

std::uint32_t PathMtu::next_size() const {
  if (bad_ > bounds_.most) return good_ < bounds_.most ? bounds_.most : 0;
  if (good_ == 0) {
    if (bounds_.start < bad_ && limit_ == bounds_.start) return bounds_.start;
    return bounds_.least < bad_ ? bounds_.least : 0;  // not even that passes: left to fragmentation
  }
  if (bad_ - good_ <= 1) return 0;
  // Halve the common sizes first, with either overhead; then whatever lies between.
  std::array<std::uint32_t, 2 * kCommonOuter.size()> between{};
  std::size_t count = 0;
  for (const std::uint32_t outer : kCommonOuter) {
    for (const std::uint32_t overhead : {80U, 60U}) {
      const std::uint32_t inner = outer - overhead;
      if (inner > good_ && inner < bad_) between[count++] = inner;
    }
  }
  if (count > 0) {
    std::sort(between.begin(), between.begin() + count);
    return between[count / 2];
  }
  return bad_ - good_ > kResolution ? good_ + (bad_ - good_) / 2 : 0;
}

// --- Round-trip time (RFC 6298 section 2)

void PathMtu::measure(Duration sample) {
  if (!round_trip_time_) {
    round_trip_time_ = sample;
    variation_ = sample / 2;
    return;
  }
  const Duration difference =
      *round_trip_time_ > sample ? *round_trip_time_ - sample : sample - *round_trip_time_;
  variation_ = (3 * variation_ + difference) / 4;
  round_trip_time_ = (7 * *round_trip_time_ + sample) / 8;
}

Duration PathMtu::timeout() const {
  if (!round_trip_time_) return kFirstTimeout;
  return std::clamp<Duration>(*round_trip_time_ + 4 * variation_, kLeastTimeout, kMostTimeout);
}

}  // namespace tunneld::protocol
