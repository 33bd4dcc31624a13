// The path to one peer: which packets it carries, its round-trip time, and the limit for outgoing packets
// that follows from it.
//
// It connects the search (path_mtu.h) with the rest: with what the host knows (the interface's MTU, and what
// ICMP has told the kernel), with whether the peer answers probes, and with the limit that the data workers
// read.
#pragma once

#include <optional>
#include <utility>

#include "common/protocol/path_mtu.h"
#include "common/protocol/peer/peer_link.h"

namespace tunneld::protocol {

/// The host's view of a route; outer MTUs, in bytes.
struct RouteMtu {
  /// The outgoing interface's.
  std::uint32_t interface = 1500;
  /// The kernel's MTU for the whole path: the route's, or from ICMP. No more trustworthy than ICMP.
  std::uint32_t path = 1500;
  bool operator==(const RouteMtu&) const = default;
};

/// How the result of the search is used.
struct PathPolicy {
  /// True: outgoing packets are limited to the MTU found. False: the outer packets may be fragmented.
  bool hold = true;
  /// The largest inner packet, in bytes.
  std::uint32_t most = 65475;
  bool operator==(const PathPolicy&) const = default;
};

class PeerPath {
 public:
  PeerPath(PeerLink& link, const PathPolicy& policy) : link_(link), policy_(policy) {}

  /// Endpoint, session, HELLO or policy may have changed: the next advance() checks them.
  void review() { review_ = true; }
  /// What the host knows of the route to the peer's address.
  void learn(const RouteMtu& route) {
    route_ = route;
    review_ = true;
  }
  /// There is traffic.
  void watch(Instant now);
  void acknowledged(std::uint64_t id, Instant now);
  /// The outgoing interface cannot carry a probe of this size.
  void refused(std::uint32_t size, Instant now);

  struct Step {
    PathMtu::Probes probes{};
    /// The daemon should ask the host for the route again, and call learn().
    bool ask_host = false;
  };
  /// `can_send`: there is a session. `answers`: the peer answers probes.
  [[nodiscard]] Step advance(bool can_send, bool answers, Instant now);
  [[nodiscard]] Instant deadline() const;
  /// The limit has changed, or the search has begun or ended, since this was last asked.
  [[nodiscard]] bool take_news();

  /// Outer bytes around an inner packet to this peer: IP, UDP and a data message.
  [[nodiscard]] std::uint32_t overhead() const { return overhead_; }
  [[nodiscard]] const PathMtu& mtu() const { return mtu_; }
  /// Whether the peer has an address, and so a path.
  [[nodiscard]] bool known() const { return known_; }

 private:
  void look_again(bool answers, Instant now);
  void publish();

  PeerLink& link_;
  const PathPolicy& policy_;
  RouteMtu route_;
  PathMtu mtu_;
  bool review_ = false;
  bool known_ = false;
  bool paused_ = true;
  bool large_sent_ = false;  ///< since the host was last asked
  std::uint32_t overhead_ = 0;
  Instant ask_at_ = kNever;

  /// The values with which the search was started.
  struct Basis {
    net::IpAddress remote;
    PathMtu::Bounds bounds;
    bool answers = false;
    bool operator==(const Basis&) const = default;
  };
  Basis basis_{};
  std::optional<net::IpAddress> local_;
  /// Limit, and whether a search goes on.
  std::pair<std::uint32_t, bool> told_{kNoPathMtu, false};
};

}  // namespace tunneld::protocol
