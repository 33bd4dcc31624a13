#include "daemon/host/connected_networks.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>
#include <variant>

#include <linux/rtnetlink.h>
#include <unistd.h>

#include "common/log.h"
#include "common/net/address_class.h"
#include "common/net/file_descriptor.h"
#include "common/net/interface_name.h"

namespace tunneld::daemon {
namespace {

/// Notices come in bursts: an address, its routes, the default route.
constexpr std::chrono::milliseconds kNoticesSettle{100};

bool is_small(const net::IpPrefix& network) {
  return network.length >= (network.address.is_v4() ? kShortestPublicIpv4 : kShortestPublicIpv6);
}

/// A lookup for an IPv6 link-local address names its interface, so it bypasses a full tunnel anyway.
bool is_left_alone(const net::IpAddress& address) {
  return net::is_multicast(address) || net::is_loopback(address) ||
         (!address.is_v4() && net::is_link_local(address));
}

/// Protocols of routes that come from addresses and from prefixes that a router has announced as on-link: the
/// kernel's, and RTPROT_RA of NetworkManager and systemd-networkd, which handle advertisements in its place.
constexpr std::array<std::uint8_t, 2> kMakers{RTPROT_KERNEL, RTPROT_RA};

bool leads_to_neighbours(const net::Route& route) {
  return route.table == net::kMainTable && !route.has_gateway &&
         std::ranges::find(kMakers, route.protocol) != kMakers.end();
}

bool may_matter(const net::NetworkEvent& event) {
  // When its address or link goes, an IPv4 route disappears without a notice of its own.
  if (std::holds_alternative<net::Resynchronise>(event) || std::holds_alternative<net::AddressEvent>(event) ||
      std::holds_alternative<net::LinkEvent>(event))
    return true;
  const auto* route = std::get_if<net::RouteEvent>(&event);
  return route != nullptr && leads_to_neighbours(route->route);
}

}  // namespace

std::vector<net::IpPrefix> connected_networks(const std::vector<net::Route>& routes,
                                              std::uint32_t own_index) {
  std::vector<net::IpPrefix> found;
  for (const net::Route& route : routes) {
    if (!leads_to_neighbours(route)) continue;
    if (route.interface_index == 0 || route.interface_index == own_index) continue;
    if (route.destination.length == 0 || is_left_alone(route.destination.address)) continue;
    found.push_back(route.destination);
  }
  std::ranges::sort(found);
  const auto repeated = std::ranges::unique(found);
  found.erase(repeated.begin(), repeated.end());
  std::array<std::size_t, 2> public_networks{};
  std::erase_if(found, [&public_networks](const net::IpPrefix& network) {
    if (net::is_private(network)) return false;
    return !is_small(network) || ++public_networks[network.address.is_v4() ? 0 : 1] > kMostPublicNetworks;
  });
  return found;
}

std::vector<net::IpPrefix> connected_networks(net::Netlink& netlink, const std::string& own_name) {
  std::vector<net::Route> routes;
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
    for (const std::uint8_t maker : kMakers) {
      const auto some = netlink.routes({.family = family, .table = net::kMainTable, .protocol = maker});
      routes.insert(routes.end(), some.begin(), some.end());
    }
  }
  return connected_networks(routes, net::interface_index(own_name).value_or(0));
}

ConnectedNetworks::ConnectedNetworks(boost::asio::io_context& io, AlarmClock& clock, std::string own_name,
                                     std::function<void()> on_change)
    : own_name_(std::move(own_name)),
      on_change_(std::move(on_change)),
      notices_(io, net::duplicate(monitor_.fd())),
      clock_(clock),
      pause_(clock.alarm()),
      networks_(connected_networks(netlink_, own_name_)) {
  wait_for_notices();
}

void ConnectedNetworks::wait_for_notices() {
  notices_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                        if (error) return;
                        events_.clear();
                        monitor_.read(events_);
                        if (std::ranges::any_of(events_, may_matter) && !std::exchange(is_waiting_, true)) {
                          pause_->set(clock_.now() + kNoticesSettle, [this] {
                            is_waiting_ = false;
                            look_again();
                          });
                        }
                        wait_for_notices();
                      });
}

void ConnectedNetworks::look_again() {
  try {
    auto present = connected_networks(netlink_, own_name_);
    if (present == networks_) return;
    networks_ = std::move(present);
  } catch (const std::exception& error) {
    log::warn("cannot read the networks of other interfaces: {}", error.what());
    return;
  }
  on_change_();
}

}  // namespace tunneld::daemon
