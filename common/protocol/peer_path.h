// What is known of the way to one peer: which packets it carries, how long it takes, and what follows from
// that for the way out.
//
// Ties the search (path_mtu.h) to the rest: to what the host knows (the interface's MTU, and what ICMP has
// told the kernel), to whether the peer answers probes, and to the limit that the data workers read.
#pragma once

#include <optional>

#include "common/protocol/path_mtu.h"
#include "common/protocol/peer_link.h"

namespace tunneld::protocol {

/// What the host knows of a route; outer MTUs, in bytes.
struct RouteMtu {
  /// The outgoing interface's.
  std::uint32_t interface = 1500;
  /// The kernel's idea of the whole path: the route's, or what ICMP said. Not to be trusted more than ICMP
  /// is.
  std::uint32_t path = 1500;
  bool operator==(const RouteMtu&) const = default;
};

/// What the search is for.
struct PathPolicy {
  /// Whether the way out is held to what is found, or the outer packets may be fragmented.
  bool hold = true;
  /// No inner packet is larger, bytes.
  std::uint32_t most = 65475;
  bool operator==(const PathPolicy&) const = default;
};

class PeerPath {
 public:
  PeerPath(PeerLink& link, const PathPolicy& policy) : link_(link), policy_(policy) {}

  /// Endpoint, session, HELLO or policy may have changed: looks at them at the next advance().
  void review() { review_ = true; }
  void learn(const RouteMtu& route) {
    route_ = route;
    review_ = true;
  }
  /// There is traffic.
  void watch(Instant now);
  void acknowledged(std::uint64_t id, Instant now);
  void refused(std::uint32_t size, Instant now);

  struct Step {
    PathMtu::Probes probes{};
    /// Somebody should ask the host for the route again, and learn() it.
    bool ask_host = false;
  };
  /// `can_send`: there is a session. `answers`: the peer answers probes.
  [[nodiscard]] Step advance(bool can_send, bool answers, Instant now);
  [[nodiscard]] Instant deadline() const;

  /// Outer bytes around an inner packet on the way to this peer: IP, UDP and a data message.
  [[nodiscard]] std::uint32_t overhead() const { return overhead_; }
  [[nodiscard]] const PathMtu& mtu() const { return mtu_; }
  /// An address is known, and with it a way.
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
  bool large_sent_ = false;  ///< since the host was asked
  std::uint32_t overhead_ = 0;
  Instant ask_at_ = kNever;

  /// What the search was begun with.
  struct Basis {
    net::IpAddress remote;
    PathMtu::Bounds bounds;
    bool answers = false;
    bool operator==(const Basis&) const = default;
  };
  Basis basis_{};
  std::optional<net::IpAddress> local_;
};

}  // namespace tunneld::protocol
