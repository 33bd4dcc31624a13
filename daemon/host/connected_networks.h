// The networks that this host is connected to by its other interfaces. They stay outside of a full tunnel.
//
// These are the networks of its addresses, and IPv6 prefixes that a router has announced as on-link. Their
// routes are made by the kernel, or by the program that handles router advertisements in its place.
//
// A DHCP server must not be able to pull traffic out of the tunnel (CVE-2024-3661). So the routes that it
// gives do not count; and because the address that it gives comes with a network, public networks count only
// up to a limited size and number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/net/netlink.h"
#include "common/net/netlink_monitor.h"
#include "daemon/host/alarm_clock.h"

namespace tunneld::daemon {

/// Public networks that are larger than this (1024 addresses of IPv4), or beyond this number, do not count.
inline constexpr unsigned kShortestPublicIpv4 = 22;
inline constexpr unsigned kShortestPublicIpv6 = 64;
inline constexpr std::size_t kMostPublicNetworks = 4;  ///< of each family

/// Those of the main table's routes, sorted, without repetitions. `own_index`: the interface of the tunnel's
/// own networks.
[[nodiscard]] std::vector<net::IpPrefix> connected_networks(const std::vector<net::Route>& routes,
                                                            std::uint32_t own_index);
/// Asks the kernel. Throws net::NetlinkError.
[[nodiscard]] std::vector<net::IpPrefix> connected_networks(net::Netlink& netlink,
                                                            const std::string& own_name);

class ConnectedNetworks {
 public:
  /// `own_name`: the interface of the tunnel's own networks. `on_change` is called shortly after the networks
  /// have changed. Throws std::system_error, net::NetlinkError.
  ConnectedNetworks(boost::asio::io_context& io, AlarmClock& clock, std::string own_name,
                    std::function<void()> on_change);
  ConnectedNetworks(const ConnectedNetworks&) = delete;
  ConnectedNetworks& operator=(const ConnectedNetworks&) = delete;

  [[nodiscard]] const std::vector<net::IpPrefix>& now() const { return networks_; }

 private:
  void wait_for_notices();
  void look_again();

  const std::string own_name_;
  std::function<void()> on_change_;
  net::NetlinkMonitor monitor_;
  net::Netlink netlink_;
  boost::asio::posix::stream_descriptor notices_;
  AlarmClock& clock_;
  const std::unique_ptr<Alarm> pause_;
  bool is_waiting_ = false;
  std::vector<net::NetworkEvent> events_;
  std::vector<net::IpPrefix> networks_;
};

}  // namespace tunneld::daemon
