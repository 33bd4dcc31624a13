// Finds the largest packet that the path to a peer carries (RFC 8899, DPLPMTUD), and measures the round-trip
// time.
//
// A state machine without I/O: it asks for probes, is told which were acknowledged, and keeps the limit for
// outgoing packets. Only acknowledged probes count as proof. ICMP may be swallowed and may be forged, so what
// the kernel has learnt from it is only a reason to probe.
//
// The search first tries the largest size that the outgoing interface allows, because mostly this is the
// answer. If that is lost, the size in use is confirmed. If that is lost too, the limit falls to a size that
// nearly every path carries. Then common sizes (PPPoE, tunnels) are tried by halving, and last the sizes
// between them. Later, while large packets are sent, the limit is confirmed every few seconds, or at once
// when they get no answer at all: this detects a path that has become smaller (a black hole).
//
// A probe may be lost to congestion, and a whole path may be dead. Both would look like a smaller path. So
// every repeated probe has a small companion: only if companions arrive and the large probes do not is the
// size the cause. This replaces RFC 8899's rule that probe timers last at least a second, so they can follow
// the round-trip time.
//
// All sizes are sizes of the inner packet, in bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/clock.h"

namespace tunneld::protocol {

class PathMtu {
 public:
  struct Bounds {
    /// Assumed to pass when nothing larger does; nearly every path carries it (RFC 8899's BASE_PLPMTU).
    std::uint32_t least = 0;
    /// Used until something is known.
    std::uint32_t start = 0;
    /// The most that the outgoing interface carries.
    std::uint32_t most = 0;
    bool operator==(const Bounds&) const = default;
  };
  enum class Phase : std::uint8_t {
    kOff,        ///< the peer does not answer probes: the limit is `start`
    kSearching,  ///< larger sizes are being tried
    kChecking,   ///< the limit is being confirmed
    kComplete,
  };
  /// What the limit is based on.
  enum class Source : std::uint8_t {
    kAssumed,    ///< the usual size for this interface
    kProbed,     ///< a packet of this size has arrived
    kBlackHole,  ///< larger packets are lost; a search will find the limit
  };
  struct Probe {
    std::uint64_t id;
    /// 0: the smallest possible frame.
    std::uint32_t size;
  };
  /// At most two at a time; id 0: none.
  using Probes = std::array<Probe, 2>;

  /// How often the limit is confirmed while there is traffic.
  static constexpr Duration kConfirmEvery = std::chrono::seconds(5);
  /// RFC 8899 section 5.1.1, PMTU_RAISE_TIMER.
  static constexpr Duration kRaiseAfter = std::chrono::seconds(600);
  /// Large packets without any answer for this long are suspicious.
  static constexpr Duration kSuspiciousSilence = std::chrono::seconds(1);
  /// How many lost probes prove a size too large (RFC 8899's MAX_PROBES), and how many do so for the size in
  /// use.
  static constexpr unsigned kTries = 3;
  static constexpr unsigned kTriesInUse = 4;
  /// The search stops when it knows the size to within this many bytes.
  static constexpr std::uint32_t kResolution = 8;

  /// Starts for a new path, or the first one: forgets everything but the round-trip time. `answers`: the peer
  /// acknowledges probes.
  void begin(const Bounds& bounds, bool answers, Instant now);
  /// There are signs that the limit is too large (ICMP, a lower route MTU): confirms it now.
  void doubt(Instant now);
  /// `large_sent`: a packet larger than `least` was sent since the last call. `last_received`: of any
  /// authenticated message. `busy`: there is traffic; look again soon.
  [[nodiscard]] Probes advance(bool large_sent, Instant last_received, bool busy, Instant now);
  /// There is traffic again.
  void wake(Instant now);
  void acknowledged(std::uint64_t id, Instant now);
  /// The outgoing interface has refused a probe of this size, so there is no need to wait for it.
  void refused(std::uint32_t size, Instant now);
  [[nodiscard]] Instant deadline() const;

  [[nodiscard]] std::uint32_t limit() const { return limit_; }
  [[nodiscard]] const Bounds& bounds() const { return bounds_; }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] Source source() const { return source_; }
  /// Smoothed (RFC 6298); nullopt before the first acknowledgement.
  [[nodiscard]] std::optional<Duration> round_trip_time() const { return round_trip_time_; }

 private:
  struct Sent {
    std::uint64_t id = 0;
    std::uint32_t size = 0;
    Instant at{};
  };

  void probe_next(Instant now);
  void start_probing(std::uint32_t size, Instant now);
  void complete(Instant now);
  void lost(Instant now);
  [[nodiscard]] std::uint32_t next_size() const;
  [[nodiscard]] Duration timeout() const;
  [[nodiscard]] bool in_use() const { return candidate_ <= limit_; }
  Probe send(std::uint32_t size, Instant now);
  void measure(Duration sample);

  Bounds bounds_;
  std::uint32_t limit_ = 0;
  Phase phase_ = Phase::kOff;
  Source source_ = Source::kAssumed;

  /// The largest size that has arrived on this path, 0 for none, and the smallest that is known not to
  /// arrive.
  std::uint32_t good_ = 0;
  std::uint32_t bad_ = 0;

  // The size on trial.
  std::uint32_t candidate_ = 0;
  unsigned tries_ = 0;
  unsigned silent_rounds_ = 0;  ///< rounds in which not even companions arrived
  bool companion_arrived_ = false;
  Instant try_at_ = kNever;

  bool large_sent_ = false;      ///< since the last look
  Instant look_at_ = kNever;     ///< when to look at the traffic
  Instant confirm_at_ = kNever;  ///< not earlier than this
  Instant raise_at_ = kNever;

  std::uint64_t last_id_ = 0;
  std::array<Sent, 16> sent_{};  ///< ring, by id
  std::optional<Duration> round_trip_time_;
  Duration variation_{};
};

}  // namespace tunneld::protocol
