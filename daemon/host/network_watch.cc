#include "daemon/host/network_watch.h"

#include <cerrno>
#include <chrono>
#include <ctime>
#include <limits>
#include <system_error>
#include <utility>

#include <sys/timerfd.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"
#include "common/net/system_clock.h"
#include "common/system_error.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

/// A smaller difference is the clocks' own.
constexpr Duration kWorthCalledSleep = 1s;

/// Resuming sets the clock, and that cancels this timer (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
int make_clock_timer() {
  return checked(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create");
}

void arm_for_ever(int fd) {
  itimerspec never{};
  never.it_value.tv_sec = std::numeric_limits<std::int32_t>::max();
  timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr);
}

}  // namespace

NetworkWatch::NetworkWatch(boost::asio::io_context& io, AlarmClock& clock, std::uint32_t own_index,
                           std::function<void(const std::string&)> on_change, std::function<Duration()> slept)
    : own_index_(own_index),
      on_change_(std::move(on_change)),
      notices_(io, net::duplicate(monitor_.fd())),
      wall_clock_(io, make_clock_timer()),
      clock_(clock),
      pause_(clock.alarm()),
      slept_(std::move(slept)),
      slept_before_(slept_()) {
  arm_for_ever(wall_clock_.native_handle());
  wait_for_notices();
  wait_for_wake_up();
}

// CLOCK_BOOTTIME counts what the host sleeps, CLOCK_MONOTONIC does not.
Duration NetworkWatch::slept_so_far() {
  timespec monotonic{};
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  return net::boot_now().time_since_epoch() - std::chrono::seconds(monotonic.tv_sec) -
         std::chrono::nanoseconds(monotonic.tv_nsec);
}

std::optional<std::string> NetworkWatch::significance(const net::NetworkEvent& event,
                                                      std::uint32_t own_index) {
  if (const auto* link = std::get_if<net::LinkEvent>(&event)) {
    if (link->link.index == own_index) return std::nullopt;
    const bool up = link->happened == net::Happened::kSet && link->link.running;
    return "link " + link->link.name + (up ? " up" : " down");
  }
  if (const auto* address = std::get_if<net::AddressEvent>(&event)) {
    if (address->address.interface_index == own_index) return std::nullopt;
    return "address " + address->address.address.to_string() +
           (address->happened == net::Happened::kSet ? " new" : " gone");
  }
  if (const auto* route = std::get_if<net::RouteEvent>(&event)) {
    if (route->route.interface_index == own_index || route->route.destination.length != 0)
      return std::nullopt;
    return std::string("default route ") + (route->happened == net::Happened::kSet ? "set" : "gone");
  }
  if (std::holds_alternative<net::Resynchronise>(event)) return "many changes at once";
  return std::nullopt;
}

std::optional<std::string> NetworkWatch::may_lead_elsewhere(const net::NetworkEvent& event,
                                                            std::uint32_t own_index) {
  if (auto words = significance(event, own_index)) return words;
  const auto done = [](net::Happened happened) { return happened == net::Happened::kSet ? " set" : " gone"; };
  if (const auto* route = std::get_if<net::RouteEvent>(&event)) {
    if (route->route.interface_index == own_index) return std::nullopt;
    return "route to " + route->route.destination.to_string() + done(route->happened);
  }
  if (const auto* rule = std::get_if<net::RuleEvent>(&event))
    return "rule " + std::to_string(rule->rule.priority) + done(rule->happened);
  return std::nullopt;
}

// A router changes thousands of routes that lead through gateways. Those say nothing of the networks that the host is
// connected to itself, and a new gateway is in one that comes with an address or a link; of any other, the client
// hears when it looks by itself, once a minute.
bool NetworkWatch::changes_neighbours(const net::NetworkEvent& event, std::uint32_t own_index) {
  if (significance(event, own_index)) return true;
  const auto* route = std::get_if<net::RouteEvent>(&event);
  return route != nullptr && !route->route.has_gateway && route->route.interface_index != 0 &&
         route->route.interface_index != own_index;
}

void NetworkWatch::wait_for_notices() {
  notices_.async_wait(
      boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
        if (error) return;
        events_.clear();
        monitor_.read(events_);
        if (on_routes_ && !events_.empty()) on_routes_();
        for (const net::NetworkEvent& event : events_) {
          has_other_neighbours_ = has_other_neighbours_ || changes_neighbours(event, own_index_);
          if (const auto words = may_lead_elsewhere(event, own_index_)) happened(*words);
        }
        wait_for_notices();
      });
}

void NetworkWatch::wait_for_wake_up() {
  wall_clock_.async_wait(
      boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
        if (error) return;
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = read(wall_clock_.native_handle(), &count, sizeof count);
        arm_for_ever(wall_clock_.native_handle());
        // The timer also fires when somebody sets the clock.
        const Duration slept = slept_();
        if (slept - std::exchange(slept_before_, slept) >= kWorthCalledSleep) {
          has_slept_ = true;
          has_other_neighbours_ = true;
          happened("slept");
        }
        wait_for_wake_up();
      });
}

void NetworkWatch::happened(const std::string& what) {
  what_ = what;
  pause_->set(burst_.add(clock_.now()), [this] {
    burst_.end();
    if (std::exchange(has_slept_, false) && on_sleep_) on_sleep_();
    on_change_(what_);
    if (std::exchange(has_other_neighbours_, false) && on_neighbours_) on_neighbours_();
  });
}

}  // namespace tunneld::daemon
