// Tells the tunnel what the host knows of the way to each peer: the outgoing interface's MTU, and what ICMP
// has told the kernel of the path; the protocol's own search (protocol/path_mtu.h) does the rest. And tells a
// peer that we call when the way to it has become another.
//
// Much changes on a host that leads nowhere else: containers come and go, and each brings a link, addresses
// and routes; our own routes are announced to us, too. So a notice is only a reason to compare: the kernel is
// asked for the way again, and who hears of it is the peer whose source address, interface or gateway is not
// what it was, or whose interface is connected again. A question costs about 15 us, so with many peers
// they are asked in portions, those that we call first.
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
  PathWatch(boost::asio::io_context& io, protocol::Tunnel& tunnel, TunnelDriver& driver);
  PathWatch(const PathWatch&) = delete;
  PathWatch& operator=(const PathWatch&) = delete;

  /// Of the outer packets, which may be routed by it; 0 is none.
  void set_mark(std::uint32_t mark);
  /// The ways may have changed: compares them all. `why`: in a few words, for the log.
  void routes_changed(const std::string& why);

 private:
  /// Where packets to a peer leave; without a route, or a cable, nowhere.
  struct Way {
    std::uint32_t interface = 0;
    std::optional<net::IpAddress> source{}, gateway{};
    bool operator==(const Way&) const = default;
  };
  struct Known {
    net::SocketAddress to;
    std::optional<Way> way;
  };

  void begin();
  void take_turn();
  /// Asks the kernel. True: the way is another than it was, and leads somewhere.
  bool look(protocol::PeerId peer);
  [[nodiscard]] const net::Link& link(std::uint32_t index);

  protocol::Tunnel& tunnel_;
  TunnelDriver& driver_;
  net::Netlink netlink_;
  std::uint32_t mark_ = 0;
  std::map<protocol::PeerId, Known> ways_;
  std::map<std::uint32_t, net::Link> links_;  ///< of this turn
  // The comparison that goes on.
  boost::asio::steady_timer pause_;
  std::deque<protocol::PeerId> left_;
  std::string why_;
  bool again_ = false;
};

}  // namespace tunneld::daemon
