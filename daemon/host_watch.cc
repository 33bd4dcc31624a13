#include "daemon/host_watch.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <fstream>
#include <system_error>
#include <utility>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common/net/system_clock.h"
#include "daemon/nft_table.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

/// After the last notice of a burst, and after the first.
constexpr Duration kQuiet = 10ms;
constexpr Duration kPatience = 100ms;
/// So many things are named in a line of the log.
constexpr std::size_t kNamed = 4;

constexpr std::uint32_t kLocalTable = 255;  // RT_TABLE_LOCAL

int duplicate(int fd) {
  const int copy = dup(fd);
  if (copy < 0) throw std::system_error(errno, std::generic_category(), "dup");
  return copy;
}

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

HostWatch::HostWatch(boost::asio::io_context& io, HostChanges& host, const std::string& interface,
                     std::uint32_t own_index)
    : host_(host),
      table_(nft_table_name(interface)),
      indices_{own_index},
      network_notices_(io, duplicate(network_.fd())),
      nft_notices_(io),
      burst_(io),
      pause_(io) {
  wait_for_network();
  if (nft_.fd() < 0) return;
  nft_notices_.assign(duplicate(nft_.fd()));
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
    if (route->happened == net::Happened::kRemoved) return is_ours ? Urgency::kSoon : Urgency::kNone;
    // `ip route replace` takes a route away without saying so.
    const bool may_replace =
        !is_ours && route->route.table != net::kMainTable && route->route.table != kLocalTable;
    return may_replace && host_.has_route_in(route->route.table) ? Urgency::kSoon : Urgency::kNone;
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
  const Instant now = net::boot_now();
  if (!first_) first_ = now;
  if (urgency == Urgency::kNow) at_once_ = true;
  const Duration rest = std::min(kQuiet, *first_ + kPatience - now);
  burst_.expires_after(at_once_ ? Duration::zero() : std::max(Duration::zero(), rest));
  burst_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    first_.reset();
    at_once_ = false;
    compare();
  });
}

void HostWatch::compare() {
  pause_.cancel();
  const Instant now = net::boot_now();
  std::optional<Instant> again;
  try {
    const HostChanges::Repair repair = host_.repair(now, HostChanges::Pace::kBounded);
    tell(repair);
    last_failure_.clear();
    again = repair.again;
  } catch (const std::exception& error) {
    if (std::exchange(last_failure_, error.what()) != error.what())
      spdlog::warn("what others have changed on this host cannot be seen: {}", error.what());
    again = now + HostChanges::kRepairPause;
  }
  by_.clear();
  if (!again) return;
  pause_.expires_after(std::max(Duration::zero(), *again - now));
  pause_.async_wait([this](const boost::system::error_code& error) {
    if (!error) compare();
  });
}

std::string HostWatch::repair_now() {
  try {
    tell(host_.repair(net::boot_now(), HostChanges::Pace::kAtOnce));
    std::vector<std::string> missing;
    for (const HostChanges::Lack& lack : host_.lacks())
      missing.push_back(lack.what + in_words(lack.standing));
    return missing.empty() ? "" : "missing on this host: " + listed(missing);
  } catch (const std::exception& error) {
    return std::string("what others have changed on this host cannot be seen: ") + error.what();
  }
}

void HostWatch::tell(const HostChanges::Repair& repair) {
  const std::string by = by_.empty() ? "somebody else" : by_;
  if (!repair.put_back.empty()) {
    spdlog::warn("{} has taken away: {}; put back", by, listed(repair.put_back));
    history_.put_back += repair.put_back.size();
    history_.what = listed(repair.put_back);
    history_.by = by;
    history_.when = net::boot_now();
  }
  if (!repair.fought_over.empty()) {
    spdlog::warn("{} keeps taking away: {}; put back once in {} s at most, and missing in between", by,
                 listed(repair.fought_over),
                 std::chrono::duration_cast<std::chrono::seconds>(HostChanges::kRepairPause).count());
  }
  for (const auto& refusal : repair.refused) {
    spdlog::error("{} has taken away: {}; it cannot be put back: {}", by, refusal.what, refusal.why);
  }
  std::vector<std::string> gone;
  for (const HostChanges::Lack& lack : repair.out_of_reach) {
    if (lack.standing == Standing::kNoDevice)
      gone.push_back(lack.what);
    else
      spdlog::warn("{}: belongs to something else now, and is left there", lack.what);
  }
  if (!gone.empty()) {
    spdlog::warn(
        "the device has another name now, or is in another network namespace: left there, and so is {}",
        listed(gone));
  }
}

}  // namespace tunneld::daemon
