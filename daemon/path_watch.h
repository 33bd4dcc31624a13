// Tells the tunnel what the host knows of the route to each peer: the MTU of the outgoing interface, and the path
// MTU that the kernel has learned from ICMP. The protocol's own search (protocol/path_mtu.h) does the rest. It
// also tells the tunnel when the route to a peer that we call has changed.
//
// Many changes on a host do not matter here: containers come and go, each with a link, addresses and routes,
// and our own routes are announced to us as well. So a notice is only a reason to compare. The kernel is
// asked for each route again; a peer is notified if its source address, interface or gateway has changed, or
// if its interface is connected again. A query costs about 15 us, so with many peers they are made in
// portions, first for the peers that we call.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/net/netlink.h"
#include "common/protocol/tunnel.h"
#include "daemon/tunnel_driver.h"

namespace tunneld::daemon {

class PathWatch {
 public:
  /// Throws NetlinkError.
  PathWatch(boost::asio::io_context& io, const protocol::Tunnel& tunnel, TunnelDriver& driver);
  PathWatch(const PathWatch&) = delete;
  PathWatch& operator=(const PathWatch&) = delete;

  /// The mark of the outer packets, by which they may be routed; 0: none.
  void set_mark(std::uint32_t mark);
  /// Routes may have changed: compares them all. `why`: a few words for the log.
  void routes_changed(const std::string& why);

 private:
  /// How packets to a peer leave, if there is a route and its link is running.
  struct Egress {
    std::uint32_t interface = 0;
    std::optional<net::IpAddress> source{}, gateway{};
    bool operator==(const Egress&) const = default;
  };
  struct Known {
    net::SocketAddress to;
    std::optional<Egress> egress;
  };

  void begin();
  void take_turn();
  /// Asks the kernel. True: there is a route, and it has changed.
  bool look(protocol::PeerId peer);
  [[nodiscard]] const net::Link& link(std::uint32_t index);

  const protocol::Tunnel& tunnel_;
  TunnelDriver& driver_;
  net::Netlink netlink_;
  std::uint32_t mark_ = 0;
  std::map<protocol::PeerId, Known> known_;
  std::map<std::uint32_t, net::Link> links_;  ///< of this turn
  // The comparison in progress.
  boost::asio::steady_timer pause_;
  std::deque<protocol::PeerId> left_;
  std::string why_;
  bool again_ = false;
};

}  // namespace tunneld::daemon
