// The part of the driver that deals with the routes to peers: which peers to tell when a route has changed, when
// to send from another port, and which endpoints are forbidden.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "common/log.h"
#include "common/log_about.h"
#include "common/net/system_clock.h"
#include "daemon/tunnel_driver.h"

namespace tunneld::daemon {
namespace {

/// After this many unanswered initiations, the next one leaves from another port. There is a pause after that,
/// because one peer that is off must not make us change the port for all others again and again.
constexpr unsigned kAttemptsPerPort = 4;
constexpr Duration kPauseBetweenPorts = std::chrono::seconds(20);
constexpr Duration kPauseBetweenPortsOfMany = std::chrono::minutes(10);
/// Between two lookups of the route to a peer that roams with each packet.
constexpr Duration kPauseBetweenLooks = std::chrono::seconds(1);

}  // namespace

void TunnelDriver::network_changed() {
  // Peers that call us learn from what we send, and expect answers from the address that they called.
  for (const auto& [id, state] : peers_) {
    if (!calls(id)) continue;
    tunnel_.change(id)->network_changed(net::now(), actions_);
  }
  carry_out(actions_);
}

void TunnelDriver::route_changed(protocol::PeerId peer) {
  tunnel_.change(peer)->network_changed(net::now(), actions_);
  carry_out(actions_);
}

bool TunnelDriver::calls(protocol::PeerId peer) const {
  const auto found = peers_.find(peer);
  return found != peers_.end() && !found->second.config.endpoints.empty();
}

// Peers with sessions are told at once. A peer that has called us knows only the port that it called, so the
// port stays while such a peer has a session.
void TunnelDriver::change_port_if_useless(protocol::Actions& actions) {
  const bool is_useless = std::ranges::any_of(actions.events(), [](const protocol::Event& event) {
    const auto* retry = event.as<protocol::Event::HandshakeRetry>();
    return retry != nullptr && retry->attempt >= kAttemptsPerPort;
  });
  if (!is_useless) return;
  const Now now = net::now();
  if (!on_port_useless_ || now.boot < next_port_at_) return;
  std::vector<protocol::PeerId> live;
  bool is_called = false;
  tunnel_.for_each_peer([&](protocol::PeerId id, const protocol::Peer& peer) {
    if (!peer.status(now.boot).session_live) return;
    live.push_back(id);
    is_called = is_called || !calls(id);
  });
  if (is_called || !on_port_useless_()) return;
  next_port_at_ = now.boot + (live.empty() ? kPauseBetweenPorts : kPauseBetweenPortsOfMany);
  for (const protocol::PeerId id : live) tunnel_.change(id)->network_changed(now, actions);
}

// --- Where nothing may be sent

bool TunnelDriver::may_send(const net::Endpoint& to) {
  if (!endpoint_guard_) return true;
  for (const protocol::PeerId peer : looks_put_off_) {
    if (!knows(peer)) continue;
    const protocol::PeerLink& link = tunnel_.peer(peer).link();
    const net::Endpoint* endpoint = link.endpoint.get();
    // Sent without a lookup, because a peer that forges its address must not delay the datagrams of others.
    if (endpoint != nullptr && endpoint->remote == to.remote && !link.loops.load()) return true;
  }
  if (!endpoint_guard_(to)) return true;
  for (const auto& [id, state] : peers_) {
    if (current_address(id) == to.remote) check_endpoint(id);
  }
  return false;
}

bool TunnelDriver::is_worth_a_look(ByteView message) {
  // A cookie reply over the bridge cannot loop: it is smaller than the message that it answers, and nobody
  // answers it.
  const bool is_cookie = protocol::classify(message) == protocol::MessageType::kCookie;
  return !is_cookie || looks_for_strangers_.allow(net::boot_now());
}

void TunnelDriver::check_endpoint(protocol::PeerId peer) {
  const auto found = peers_.find(peer);
  if (!endpoint_guard_ || found == peers_.end()) return;
  const net::Endpoint* endpoint = tunnel_.peer(peer).link().endpoint.get();
  const auto why = endpoint == nullptr ? std::nullopt : endpoint_guard_(*endpoint);
  tunnel_.change(peer)->link().loops.store(why.has_value());
  if (found->second.forbidden_endpoint == why.value_or("")) return;
  found->second.forbidden_endpoint = why.value_or("");
  if (why) {
    const log::About about("refused", found->second.config.name.value);
    log::warn("peer {}: {}: {}: nothing is exchanged with it", label(peer), endpoint->remote.to_string(),
              *why);
  } else {
    log::info("peer {}: the route to it no longer leads through the bridge", label(peer));
  }
}

bool TunnelDriver::may_look(protocol::PeerId peer) {
  const Instant now = net::boot_now();
  if (peers_[peer].looks.allow(now)) {
    looks_put_off_.erase(peer);
    return true;
  }
  looks_put_off_.insert(peer);
  if (look_at_ == kNever) look_at_ = now + kPauseBetweenLooks;
  return false;
}

void TunnelDriver::look_after_all() {
  look_at_ = kNever;
  for (const protocol::PeerId peer : std::exchange(looks_put_off_, {})) {
    if (!knows(peer) || !may_look(peer)) continue;
    check_endpoint(peer);
    for (const EventHandler& handler : event_handlers_) handler({peer, protocol::Event::AskRoute{}});
  }
}

void TunnelDriver::recheck_endpoints() {
  tunnel_.for_each_peer([this](protocol::PeerId id, const protocol::Peer&) { check_endpoint(id); });
}

}  // namespace tunneld::daemon
