// Finds this host's Ethernet addresses on the network of a tap, and reports when they change. The switch
// (common/protocol/ethernet_switch.cc) lets no peer send from them.
//
// The device's own address is not enough. On a bridge, the host answers with the bridge's address, which is that of
// one of its ports unless somebody has set it. A peer that sent from it would get packets that are for this host.
// The bridge may be tunneld's or the system's, or one that somebody puts the device into later.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/net/netlink.h"
#include "common/net/netlink_monitor.h"

namespace tunneld::daemon {

/// The addresses of all links of this host on the same Ethernet as `device`, sorted: its bridge, that bridge's
/// other ports, and links on top of any of these (VLANs, macvlans, the other ends of veth pairs).
[[nodiscard]] std::vector<net::MacAddress> host_stations(const std::vector<net::Link>& links,
                                                         std::uint32_t device);

class HostStations {
 public:
  using Tell = std::function<void(const std::vector<net::MacAddress>&)>;
  /// Calls `tell` at once, and after each change. Throws NetlinkError or std::system_error.
  HostStations(boost::asio::io_context& io, std::uint32_t device, Tell tell);
  HostStations(const HostStations&) = delete;
  HostStations& operator=(const HostStations&) = delete;

 private:
  void wait_for_notices();
  void look_soon(std::chrono::milliseconds delay);
  void look();

  const std::uint32_t device_;
  const Tell tell_;
  net::NetlinkMonitor monitor_;
  net::Netlink netlink_;
  boost::asio::posix::stream_descriptor notices_;
  boost::asio::steady_timer pause_;
  bool waits_ = false;
  std::vector<net::NetworkEvent> events_;
  std::vector<net::MacAddress> known_;
};

}  // namespace tunneld::daemon
