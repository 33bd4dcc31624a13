// The search for the largest packet that the path to one peer carries (RFC 8899, DPLPMTUD), and its
// round-trip time.
//
// A state machine without I/O: it asks for probes, hears which were acknowledged, and keeps a limit that the
// way out is held to. Nothing but acknowledged probes counts as proof: ICMP may be swallowed, and may be
// forged, so what the kernel has heard is a reason to look and no more.
//
// How it looks: the largest size that the outgoing interface allows comes first, for mostly it is the answer.
// If that is lost, the size in use is confirmed, and if that is lost too the limit falls to what nearly every
// path carries; then sizes that networks really have (PPPoE, tunnels) are tried by halving, and last what
// lies between them. Later, while large packets are sent, the limit is confirmed every few seconds, at once
// when they stay without any answer: that is how a path that became smaller (a black hole) is seen.
//
// A probe may be lost to congestion, and then a whole path may be dead. Both would look like a smaller path,
// so every repeated probe has a small companion: only if companions arrive while the large ones do not is it
// the size. This replaces RFC 8899's rule that probe timers last a second at least; with it they follow the
// round-trip time.
//
// All sizes are those of the inner packet, in bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/clock.h"

namespace tunneld::protocol {

class PathMtu {
 public:
  struct Bounds {
    /// Taken for granted when nothing larger passes; nearly every path carries it (RFC 8899's BASE_PLPMTU).
    std::uint32_t least = 0;
    /// Used until something is known.
    std::uint32_t start = 0;
    /// The outgoing interface carries no more.
    std::uint32_t most = 0;
    bool operator==(const Bounds&) const = default;
  };
  enum class Phase : std::uint8_t {
    kOff,        ///< nobody answers probes: the limit is `start`
    kSearching,  ///< larger sizes are being tried
    kChecking,   ///< the limit is being confirmed
    kComplete,
  };
  /// What the limit rests on.
  enum class Source : std::uint8_t {
    kAssumed,    ///< the usual size for this interface
    kProbed,     ///< a packet of this size has arrived
    kBlackHole,  ///< larger ones are lost; a search will tell how much
  };
  struct Probe {
    std::uint64_t id;
    /// 0: the smallest frame there is.
    std::uint32_t size;
  };
  /// At most two at a time; id 0 is none.
  using Probes = std::array<Probe, 2>;

  /// How often the limit is confirmed under traffic.
  static constexpr Duration kConfirmEvery = std::chrono::seconds(5);
  /// RFC 8899 section 5.1.1, PMTU_RAISE_TIMER.
  static constexpr Duration kRaiseAfter = std::chrono::seconds(600);
  /// Large packets without any answer for so long are suspicious.
  static constexpr Duration kSuspiciousSilence = std::chrono::seconds(1);
  /// Lost probes that tell (RFC 8899's MAX_PROBES), and how many it takes to give up a size in use.
  static constexpr unsigned kTries = 3;
  static constexpr unsigned kTriesInUse = 4;
  /// The search stops when it knows the size to within so many bytes.
  static constexpr std::uint32_t kResolution = 8;

  /// A new path, or the first one: forgets all but the round-trip time. `answers`: the peer acknowledges
  /// probes.
  void begin(const Bounds& bounds, bool answers, Instant now);
  /// Something says that the limit may be too large (ICMP, a lower route MTU): confirms it now.
  void doubt(Instant now);
  /// `large_sent`: larger than `least` since the last call. `last_received`: anything authenticated. `busy`:
  /// there is traffic; look again soon.
  [[nodiscard]] Probes advance(bool large_sent, Instant last_received, bool busy, Instant now);
  /// There is traffic again.
  void wake(Instant now);
  void acknowledged(std::uint64_t id, Instant now);
  /// The outgoing interface has refused a probe of this size: no need to wait for its loss.
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

  /// The largest size that has arrived on this path, 0 for none, and the smallest that is known not to.
  std::uint32_t good_ = 0;
  std::uint32_t bad_ = 0;

  // The size on trial.
  std::uint32_t candidate_ = 0;
  unsigned tries_ = 0;
  unsigned silent_rounds_ = 0;  ///< in which not even companions arrived
  bool companion_arrived_ = false;
  Instant try_at_ = kNever;

  Instant look_at_ = kNever;     ///< at the traffic
  Instant confirm_at_ = kNever;  ///< at the earliest
  Instant raise_at_ = kNever;

  std::uint64_t last_id_ = 0;
  std::array<Sent, 16> sent_{};  ///< ring, by id
  std::optional<Duration> round_trip_time_;
  Duration variation_{};
};

}  // namespace tunneld::protocol
