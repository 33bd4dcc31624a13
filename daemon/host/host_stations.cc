#include "daemon/host/host_stations.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>
#include <system_error>
#include <variant>

#include <unistd.h>

#include "common/log.h"
#include "common/net/file_descriptor.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

/// Links come in bursts (containers), and each look reads them all.
constexpr auto kBurst = 20ms;
constexpr auto kPauseAfterFailure = 1s;

/// Whether frames pass between it and what belongs to it. A VRF joins networks of IP, not of Ethernet.
bool joins_ethernet(const net::Link& master) {
  return master.kind != "vrf";
}

/// Its address is that of a virtual machine, which may move to the other side of the tunnel.
bool is_a_guest(const net::Link& link) {
  return link.kind == "macvtap";
}

}  // namespace

std::vector<net::MacAddress> host_stations(const std::vector<net::Link>& links, std::uint32_t device) {
  std::set<std::uint32_t> reached{device};
  std::set<std::uint32_t> joining;
  for (const net::Link& link : links) {
    if (joins_ethernet(link)) joining.insert(link.index);
  }
  // Links stand on one another in any order, so until nothing new is found.
  for (std::size_t before = 0; before != reached.size();) {
    before = reached.size();
    for (const net::Link& link : links) {
      const bool has_master = link.master != 0 && joining.contains(link.master);
      if (has_master && reached.contains(link.index)) reached.insert(link.master);
      if ((has_master && reached.contains(link.master)) || reached.contains(link.lower))
        reached.insert(link.index);
    }
  }
  std::vector<net::MacAddress> stations;
  for (const net::Link& link : links) {
    if (reached.contains(link.index) && link.address && !is_a_guest(link)) stations.push_back(*link.address);
  }
  std::ranges::sort(stations);
  const auto twice = std::ranges::unique(stations);
  stations.erase(twice.begin(), twice.end());
  return stations;
}

HostStations::HostStations(boost::asio::io_context& io, std::uint32_t device, Tell tell)
    : device_(device), tell_(std::move(tell)), notices_(io, net::duplicate(monitor_.fd())), pause_(io) {
  known_ = host_stations(netlink_.links(), device_);
  tell_(known_);
  wait_for_notices();
}

void HostStations::wait_for_notices() {
  notices_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                        if (error) return;
                        events_.clear();
                        monitor_.read(events_);
                        const bool matters = std::ranges::any_of(events_, [](const auto& event) {
                          return std::holds_alternative<net::LinkEvent>(event) ||
                                 std::holds_alternative<net::Resynchronise>(event);
                        });
                        if (matters) look_soon(kBurst);
                        wait_for_notices();
                      });
}

void HostStations::look_soon(std::chrono::milliseconds delay) {
  // Further notices do not delay it: on some hosts links change all the time.
  if (waits_) return;
  waits_ = true;
  pause_.expires_after(delay);
  pause_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    waits_ = false;
    look();
  });
}

void HostStations::look() {
  try {
    auto stations = host_stations(netlink_.links(), device_);
    if (stations == known_) return;
    known_ = std::move(stations);
    tell_(known_);
  } catch (const net::NetlinkError& error) {
    log::debug("cannot read this host's Ethernet addresses: {}", error.what());
    look_soon(kPauseAfterFailure);
  }
}

}  // namespace tunneld::daemon
