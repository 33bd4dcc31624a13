#include "daemon/host/host_watch.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <fstream>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "common/log.h"
#include "common/log_about.h"
#include "common/net/file_descriptor.h"
#include "common/net/system_clock.h"
#include "common/system_error.h"
#include "daemon/host/changes/nft_table.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

/// After the last notice about name servers.
constexpr Duration kQuiet = 10ms;
/// For a resolv.conf that is gone, or was made and is not written yet: whoever does that goes on, and must
/// not find one of ours in the way.
constexpr Duration kUnfinished = 1s;
/// At most this many things are named in one log line.
constexpr std::size_t kNamed = 4;

/// The kernel numbers a program's first netlink socket with its process, and libnl counts upwards in the bits
/// above (nl_socket_get_local_port(3)); further ones get numbers that say nothing, negative ones. Empty where
/// nobody knows: the process may have ended already.
std::string requester_in_words(std::uint32_t port) {
  const auto process = static_cast<std::int32_t>(port & 0x3fffff);
  if (static_cast<std::int32_t>(port) <= 0 || process == getpid()) return {};
  std::ifstream file("/proc/" + std::to_string(process) + "/comm");
  std::string name;
  std::getline(file, name);
  if (name.empty()) return {};
  // A program chooses its name.
  std::ranges::replace_if(
      name, [](char c) { return c <= ' ' || c > '~'; }, '?');
  return name + " (process " + std::to_string(process) + ")";
}

std::uint32_t requester_of(const net::NetworkEvent& event) {
  return std::visit(
      [](const auto& kind) -> std::uint32_t {
        if constexpr (requires { kind.requester; }) {
          return kind.requester;
        } else {
          return 0;
        }
      },
      event);
}

std::string listed(const std::vector<std::string>& things) {
  std::string text;
  for (std::size_t i = 0; i < std::min(things.size(), kNamed); ++i) text += (i == 0 ? "" : ", ") + things[i];
  if (things.size() > kNamed) text += " and " + std::to_string(things.size() - kNamed) + " more";
  return text;
}

}  // namespace

HostWatch::HostWatch(boost::asio::io_context& io, AlarmClock& clock, HostChanges& host,
                     const std::string& interface, std::uint32_t own_index)
    : clock_(clock),
      host_(host),
      table_(nft_table_name(interface)),
      indices_{own_index},
      network_notices_(io, net::duplicate(network_.fd())),
      nft_notices_(io),
      quiet_(clock.alarm()),
      pause_(clock.alarm()),
      names_notices_(io),
      names_burst_(clock.alarm()),
      names_pause_(clock.alarm()) {
  wait_for_network();
  if (nft_.fd() < 0) return;
  nft_notices_.assign(net::duplicate(nft_.fd()));
  wait_for_nft();
}

HostWatch::Urgency HostWatch::urgency(const net::NetworkEvent& event) const {
  if (const auto* link = std::get_if<net::LinkEvent>(&event))
    return indices_.contains(link->link.index) ? Urgency::kSoon : Urgency::kNone;
  if (const auto* address = std::get_if<net::AddressEvent>(&event)) {
    const bool is_gone = address->happened == net::Happened::kRemoved;
    return is_gone && indices_.contains(address->address.interface_index) ? Urgency::kSoon : Urgency::kNone;
  }
  if (const auto* route = std::get_if<net::RouteEvent>(&event)) {
    const bool is_ours = route->route.protocol == net::kRouteProtocol;
    if (is_ours) return route->happened == net::Happened::kRemoved ? Urgency::kSoon : Urgency::kNone;
    // `ip route replace` takes a route away without saying so; and what has replaced it may go.
    if (host_.has_route(route->route.table, route->route.destination)) return Urgency::kSoon;
    if (route->happened == net::Happened::kRemoved) return Urgency::kNone;
    const bool may_replace = route->route.table != net::kMainTable && route->route.table != net::kLocalTable;
    return may_replace && host_.has_routes(route->route.table) ? Urgency::kSoon : Urgency::kNone;
  }
  if (const auto* rule = std::get_if<net::RuleEvent>(&event))
    return rule->happened == net::Happened::kRemoved && is_our_rule(rule->rule) ? Urgency::kNow
                                                                                : Urgency::kNone;
  return Urgency::kSoon;
}

void HostWatch::wait_for_network() {
  network_notices_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                              [this](const boost::system::error_code& error) {
                                if (error) return;
                                events_.clear();
                                network_.read(events_);
                                auto most = Urgency::kNone;
                                for (const net::NetworkEvent& event : events_) {
                                  const Urgency urgent = urgency(event);
                                  if (urgent == Urgency::kNone) continue;
                                  most = std::max(most, urgent);
                                  if (by_.empty()) by_ = requester_in_words(requester_of(event));
                                }
                                compare_after(most);
                                wait_for_network();
                              });
}

void HostWatch::wait_for_nft() {
  nft_notices_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [this](const boost::system::error_code& error) {
                            if (error) return;
                            if (const auto notice = nft_.read(table_)) {
                              if (by_.empty()) by_ = requester_in_words(notice->requester);
                              compare_after(Urgency::kNow);
                            }
                            wait_for_nft();
                          });
}

void HostWatch::compare_after(Urgency urgency) {
  if (urgency == Urgency::kNone) return;
  if (urgency == Urgency::kNow) at_once_ = true;
  const Instant at = burst_.add(clock_.now());
  quiet_->set(at_once_ ? clock_.now() : at, [this] {
    burst_.end();
    at_once_ = false;
    compare();
  });
}

void HostWatch::compare() {
  pause_->cancel();
  const auto again = try_repair(HostChanges::Part::kKernel);
  by_.clear();
  look_again(*pause_, again, &HostWatch::compare);
}

std::optional<Instant> HostWatch::repair(HostChanges::Part part, HostChanges::Pauses pauses) {
  const HostChanges::Repair repair = host_.repair(clock_.now(), pauses, part);
  tell(repair, part == HostChanges::Part::kNames ? repair.by : by_, part);
  return repair.again;
}

std::optional<Instant> HostWatch::try_repair(HostChanges::Part part) {
  std::string& last = last_failure_[part];
  try {
    const auto again = repair(part, HostChanges::Pauses::kKept);
    last.clear();
    return again;
  } catch (const std::exception& error) {
    if (std::exchange(last, error.what()) != error.what())
      log::warn("cannot compare this host with what tunneld has set up: {}", error.what());
    return clock_.now() + HostChanges::kRepairPause;
  }
}

void HostWatch::look_again(Alarm& pause, const std::optional<Instant>& at, void (HostWatch::*look)()) {
  if (at) pause.set(*at, [this, look] { (this->*look)(); });
}

bool HostWatch::has_names() noexcept {
  try {
    return !host_.names_places().empty();
  } catch (const std::exception& error) {
    // As if there were some, and looked at again: the comparison says what it cannot see.
    log::debug("cannot find out which files have the host's name servers: {}", error.what());
    return true;
  }
}

void HostWatch::follow_names() {
  if (has_names()) return compare_names_after(kQuiet);
  names_notices_.close();
  names_burst_->cancel();
  names_pause_->cancel();
  names_.reset();
}

bool HostWatch::watch_names() {
  try {
    if (!names_) {
      ResolvConfWatch watch;
      const int copy = net::duplicate(watch.fd());
      boost::system::error_code error;
      names_notices_.assign(copy, error);
      if (error) {
        ::close(copy);
        throw std::system_error(error);
      }
      names_ = std::move(watch);
      wait_for_names();
    }
    if (!names_->watch(host_.names_places())) fail(errno, "inotify");
    unwatched_.clear();
    return true;
  } catch (const std::exception& error) {
    if (std::exchange(unwatched_, error.what()) != error.what()) {
      log::warn("cannot watch /etc/resolv.conf, so it is read every {} s instead: {}",
                std::chrono::duration_cast<std::chrono::seconds>(HostChanges::kRepairPause).count(),
                error.what());
    }
    return false;
  }
}

void HostWatch::wait_for_names() {
  names_notices_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                            [this](const boost::system::error_code& error) {
                              if (error || !names_) return;
                              const auto notice = names_->read();
                              if (notice == ResolvConfWatch::Notice::kDone) compare_names_after(kQuiet);
                              if (notice == ResolvConfWatch::Notice::kUnfinished)
                                compare_names_after(kUnfinished);
                              wait_for_names();
                            });
}

void HostWatch::compare_names_after(Duration rest) {
  names_burst_->set(clock_.now() + rest, [this] { compare_names(); });
}

void HostWatch::compare_names() {
  names_pause_->cancel();
  if (!has_names()) return follow_names();
  // First, so that what happens after the comparison is noticed.
  const bool is_watched = watch_names();
  auto again = try_repair(HostChanges::Part::kNames);
  if (!is_watched) again = std::min(clock_.now() + HostChanges::kRepairPause, again.value_or(Instant::max()));
  look_again(*names_pause_, again, &HostWatch::compare_names);
}

std::string HostWatch::repair_now() {
  try {
    look_again(*pause_, repair(HostChanges::Part::kKernel, HostChanges::Pauses::kIgnored),
               &HostWatch::compare);
    look_again(*names_pause_, repair(HostChanges::Part::kNames, HostChanges::Pauses::kIgnored),
               &HostWatch::compare_names);
    std::vector<std::string> missing;
    for (const HostChanges::Lack& lack : host_.lacks()) missing.push_back(lack.in_words());
    return missing.empty() ? "" : "missing on this host: " + listed(missing);
  } catch (const std::exception& error) {
    return std::string("cannot compare this host with what tunneld has set up: ") + error.what();
  }
}

void HostWatch::tell(const HostChanges::Repair& repair, const std::string& who, HostChanges::Part part) {
  const std::string by = who.empty() ? "somebody else" : who;
  const log::About about("repair");
  if (!repair.put_back.empty()) {
    log::warn("{} has taken away: {}; put back", by, listed(repair.put_back));
    history_.put_back += repair.put_back.size();
    history_.what = listed(repair.put_back);
    history_.by = by;
    history_.when = net::boot_now();
  }
  for (const std::string& what : repair.made) log::info("{}: set now", what);
  if (!repair.fought_over.empty()) {
    const auto seconds = [](Duration pause) {
      return std::chrono::duration_cast<std::chrono::seconds>(pause).count();
    };
    const std::string pause = std::to_string(seconds(HostChanges::kRepairPause)) + " s";
    log::warn("{} keeps taking away: {}; put back at most once every {}, and missing in between", by,
              listed(repair.fought_over),
              part == HostChanges::Part::kKernel
                  ? pause
                  : pause + ", later every " + std::to_string(seconds(HostChanges::kLongestPause)) + " s");
  }
  for (const auto& refusal : repair.refused) {
    log::error("{} has taken away: {}; it cannot be put back: {}", by, refusal.what, refusal.why);
  }
  tell_out_of_reach(repair.out_of_reach, by);
}

void HostWatch::tell_out_of_reach(const std::vector<HostChanges::Lack>& lacks, const std::string& by) {
  std::vector<std::string> gone;
  for (const HostChanges::Lack& lack : lacks) {
    switch (lack.standing) {
      case Standing::kNoDevice:
        gone.push_back(lack.what);
        break;
      case Standing::kOthersKeep:
        log::warn(
            "{}: {} manages /etc/resolv.conf now, so tunneld leaves it alone, and names are no longer looked "
            "up "
            "through the tunnel; `tunneld reload` gives the name servers to that program",
            lack.what, by);
        break;
      case Standing::kNoAnswer:
        log::warn(
            "{}: the program that manages the host's name servers does not answer; asking again until it "
            "does",
            lack.what);
        break;
      default:
        log::warn("{}: belongs to something else now, and is left there", lack.what);
    }
  }
  if (!gone.empty()) {
    log::warn("the device was renamed or moved to another network namespace: it is left there, and so is {}",
              listed(gone));
  }
}

}  // namespace tunneld::daemon
