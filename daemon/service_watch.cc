#include "daemon/service_watch.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/core.h>

#include "common/counted.h"
#include "common/log.h"
#include "common/net/system_clock.h"
#include "daemon/service_notify.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

/// Limited, because systemd sends a D-Bus signal for each line.
constexpr std::chrono::seconds kStatusPause = 5s;

/// Rounded, so that the line does not change all the time.
std::string ago(Duration age) {
  if (age < 1min) return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(age).count());
  if (age < 1h) return fmt::format("{} min", std::chrono::duration_cast<std::chrono::minutes>(age).count());
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(age).count();
  return hours < 48 ? fmt::format("{} h", hours) : fmt::format("{} days", hours / 24);
}

}  // namespace

std::string status_line(const std::string& interface, const std::vector<PeerInBrief>& peers) {
  const auto up = std::ranges::count_if(peers, &PeerInBrief::up);
  std::string line = fmt::format("{}: {} of {} connected", interface, up, counted(peers.size(), "peer"));
  const PeerInBrief* last = nullptr;
  for (const PeerInBrief& peer : peers) {
    if (peer.up || !peer.silent_for) continue;
    if (last == nullptr || *peer.silent_for < *last->silent_for) last = &peer;
  }
  if (last != nullptr) line += fmt::format("; {} last seen {} ago", last->name, ago(*last->silent_for));
  return line;
}

ServiceWatch::ServiceWatch(boost::asio::io_context& io, std::string interface, const Workers& workers,
                           protocol::Tunnel& tunnel, const TunnelDriver& driver)
    : interface_(std::move(interface)),
      workers_(workers),
      tunnel_(tunnel),
      driver_(driver),
      status_timer_(io),
      watchdog_timer_(io) {
  told_ = line();
  notify_ready(told_);
  if (!is_notified()) return;
  if (const auto limit = watchdog_limit()) {
    watchdog_.emplace(*limit, net::boot_now());
    feed();
  }
  tell_status();
}

std::string ServiceWatch::line() const {
  const Instant now = net::boot_now();
  std::vector<PeerInBrief> peers;
  tunnel_.for_each_peer([&](protocol::PeerId id, const protocol::Peer& peer) {
    const protocol::PeerStatus status = peer.status(now);
    PeerInBrief brief{.name = driver_.name(id), .up = status.session_live};
    if (status.latest_handshake) brief.silent_for = now - *status.latest_handshake;
    peers.push_back(brief);
  });
  return status_line(interface_, peers);
}

void ServiceWatch::tell_status() {
  if (std::string now = line(); now != told_) {
    notify_status(now);
    told_ = std::move(now);
  }
  status_timer_.expires_after(kStatusPause);
  status_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tell_status();
  });
}

void ServiceWatch::feed() {
  std::vector<std::optional<std::uint64_t>> turns;
  for (const auto& worker : workers_) {
    turns.emplace_back(worker->inbound_turns());
    turns.push_back(worker->outbound_turns());
  }
  const Watchdog::Answer answer = watchdog_->ask(turns, net::boot_now());
  if (answer.feed) notify_watchdog();
  if (answer.stuck) {
    log::error("data thread {}-{} is stuck: systemd's watchdog will restart this daemon unless it recovers",
               *answer.stuck % 2 == 0 ? "in" : "out", *answer.stuck / 2);
  }
  for (const auto& worker : workers_) worker->poke();
  watchdog_timer_.expires_after(watchdog_->pause());
  watchdog_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) feed();
  });
}

}  // namespace tunneld::daemon
