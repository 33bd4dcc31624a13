// Tells the tunnel what the host knows of the way to each peer: the outgoing interface's MTU, and what ICMP
// has told the kernel of the path. The protocol's own search (protocol/path_mtu.h) does the rest.
#pragma once

#include <cstdint>

#include "common/net/netlink.h"
#include "common/protocol/tunnel.h"
#include "daemon/tunnel_driver.h"

namespace tunneld::daemon {

class PathWatch {
 public:
  /// Throws NetlinkError.
  PathWatch(protocol::Tunnel& tunnel, TunnelDriver& driver);
  PathWatch(const PathWatch&) = delete;
  PathWatch& operator=(const PathWatch&) = delete;

  /// Of the outer packets, which may be routed by it; 0 is none.
  void set_mark(std::uint32_t mark);
  /// The routes may have changed: asks for all peers' again.
  void routes_changed();

 private:
  void learn(protocol::PeerId peer);

  protocol::Tunnel& tunnel_;
  TunnelDriver& driver_;
  net::Netlink netlink_;
  std::uint32_t mark_ = 0;
};

}  // namespace tunneld::daemon
