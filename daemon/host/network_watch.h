// Notices that the host's network may have changed (addresses, links, routes, rules), or that the host has slept.
// path_watch.h then finds out whether the route to a peer has changed.
//
// The kernel sends notices in bursts: a link that comes up brings its addresses, their routes, and then the default
// route. A burst counts as one change. It is reported shortly after its last notice, and at the latest half a second
// after its first one.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/burst.h"
#include "common/clock.h"
#include "common/net/netlink_monitor.h"
#include "daemon/host/alarm_clock.h"

namespace tunneld::daemon {

class NetworkWatch {
 public:
  /// `own_index`: our own device, whose changes are ours. `on_change` gets what happened, in a few words, for
  /// the log. `slept`: how long the host has been suspended since it booted; tests replace it. Throws
  /// std::system_error.
  NetworkWatch(boost::asio::io_context& io, AlarmClock& clock, std::uint32_t own_index,
               std::function<void(const std::string&)> on_change,
               std::function<Duration()> slept = slept_so_far);
  /// Called at once after any event that may change where packets go: a link, a route, a rule.
  void on_routes(std::function<void()> call) { on_routes_ = std::move(call); }
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

  /// Describes an event that matters to the route to a peer; nullopt for one that does not.
  [[nodiscard]] static std::optional<std::string> significance(const net::NetworkEvent& event,
                                                               std::uint32_t own_index);
  /// Describes an event that may change where packets go, such as a more specific route or a rule; nullopt for any
  /// other.
  [[nodiscard]] static std::optional<std::string> may_lead_elsewhere(const net::NetworkEvent& event,
                                                                     std::uint32_t own_index);
  /// Whether the host may be connected to other networks after this event.
  [[nodiscard]] static bool changes_neighbours(const net::NetworkEvent& event, std::uint32_t own_index);
  /// Called before `on_change` when the host has slept.
  void on_sleep(std::function<void()> call) { on_sleep_ = std::move(call); }
  /// Called after `on_change` when the host may be connected to other networks.
  void on_neighbours(std::function<void()> call) { on_neighbours_ = std::move(call); }

 private:
  [[nodiscard]] static Duration slept_so_far();
  void wait_for_notices();
  void wait_for_wake_up();
  void happened(const std::string& what);

  const std::uint32_t own_index_;
  std::function<void(const std::string&)> on_change_;
  std::function<void()> on_routes_;
  std::function<void()> on_sleep_;
  std::function<void()> on_neighbours_;
  net::NetlinkMonitor monitor_;
  boost::asio::posix::stream_descriptor notices_;
  boost::asio::posix::stream_descriptor
      wall_clock_;  ///< timerfd that the kernel cancels when the clock is set
  AlarmClock& clock_;
  const std::unique_ptr<Alarm> pause_;
  std::vector<net::NetworkEvent> events_;
  std::function<Duration()> slept_;
  Duration slept_before_;
  std::string what_;
  bool has_slept_ = false;
  bool has_other_neighbours_ = false;
  Burst burst_{std::chrono::milliseconds(100), std::chrono::milliseconds(500)};
};

}  // namespace tunneld::daemon
