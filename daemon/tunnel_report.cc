// The driver's reports about peers: log lines for the tunnel's events, and notes for `status`.
#include <chrono>
#include <string>
#include <utility>
#include <variant>

#include "common/crypto/secret_memory.h"
#include "common/log.h"
#include "common/log_about.h"
#include "common/net/system_clock.h"
#include "daemon/tunnel_driver.h"

namespace tunneld::daemon {
namespace {

/// After this time, a warning about a persistent problem is repeated.
constexpr Duration kTellAgain = std::chrono::minutes(10);
/// Endpoint names are looked up again after each of the first unanswered tries, and later after every third.
constexpr unsigned kFirstAttempts = 4, kAttemptsPerLookup = 3;
/// A peer may move with every packet, so its moves are logged at level info no more often than this.
constexpr Duration kPauseBetweenMoves = std::chrono::seconds(10);

/// One function for each kind of event, so that the compiler reports a missing one.
template <typename... Functions>
struct Reporter : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Reporter(Functions...) -> Reporter<Functions...>;

/// TUNNELD_EVENT of the journal (docs/unit.md).
std::string_view field_of(const protocol::Event& event) {
  using protocol::Event;
  return std::visit(Reporter{
                        [](const Event::SessionUp&) { return "connected"; },
                        [](const Event::EndpointMoved&) { return "moved"; },
                        [](const Event::HandshakeRetry&) { return "unanswered"; },
                        [](const Event::HandshakeGaveUp&) { return "gone"; },
                        [](const Event::SessionExpired&) { return "gone"; },
                        [](const Event::Bye&) { return "gone"; },
                        [](const Event::Layer2Refused&) { return "refused"; },
                        [](const Event::Refused&) { return "unanswered"; },
                        [](const auto&) { return ""; },
                    },
                    event.what);
}

std::string in_words(const KeyUse::Places& places) {
  return "one key is used by two hosts at once: it comes from " + places.one.to_string() + " and " +
         places.other.to_string() + " in turn; give each host a key of its own";
}

}  // namespace

void TunnelDriver::report(const protocol::Event& event) {
  using protocol::Event;
  const protocol::PeerId peer = event.peer;
  PeerState& state = peers_[peer];
  const std::string name = state.config.name.value;
  const log::About about(field_of(event), name);
  std::visit(
      Reporter{
          [&](const Event::SessionUp&) { report_session(peer, state); },
          [&](const Event::EndpointMoved& moved) {
            heard_from(peer, moved.endpoint.remote);
            const Instant now = net::boot_now();
            const bool tell = now >= state.tell_moves_at;
            if (tell) state.tell_moves_at = now + kPauseBetweenMoves;
            log::line(tell ? log::Level::kInfo : log::Level::kDebug, "peer {}: moved to {}", label(peer),
                      moved.endpoint.remote.to_string());
          },
          [&](const Event::Silent&) { resolver_.refresh(peer, current_address(peer)); },
          [&](const Event::HandshakeRetry& retry) {
            state.problem = "no answer to " + std::to_string(retry.attempt - 1) + " handshakes";
            if (retry.attempt == 2 && state.forbidden_endpoint.empty())
              log::info("peer {}: no answer to a handshake, trying again", label(peer));
            if (retry.attempt <= kFirstAttempts || retry.attempt % kAttemptsPerLookup == 0)
              resolver_.refresh(peer, current_address(peer));
          },
          [&](const Event::HandshakeGaveUp&) {
            state.up = false;
            state.problem = "no answer to handshakes; waits for the next packet to send";
            log::warn("peer {}: no answer to handshakes for 90 s, waiting for traffic", label(peer));
          },
          [&](const Event::SessionExpired&) {
            state.up = false;
            log::info("peer {}: session expired", label(peer));
          },
          [&](const Event::Hello& hello) {
            log::debug("peer {}: is a tunneld{}", label(peer), hello.restarted ? "" : ", as before");
            if (tunnel_.peer(peer).link().layer2.load() != protocol::Layer2::kRefused) state.refused.clear();
          },
          [&](const Event::HelloLost&) { log::debug("peer {}: no longer sends HELLO", label(peer)); },
          [&](const Event::Layer2Refused&) { report_layer2_refused(peer, state); },
          [&](const Event::PathMtu&) {
            log::debug("peer {}: packets of up to {} bytes pass", label(peer),
                       tunnel_.peer(peer).path().mtu().limit());
          },
          [&](const Event::Refused& refused) {
            state.problem = "nothing listens at " + refused.address.to_string() + ", says its host (ICMP)";
            log::line(level_of(log::Level::kInfo, state), "peer {}: {}: trying again soon", label(peer),
                      state.problem);
            resolver_.refresh(peer, current_address(peer));
          },
          [&](const Event::Bye&) {
            state.up = false;
            log::line(level_of(log::Level::kInfo, state), "peer {}: has ended the session", label(peer));
            // Tries another endpoint at once. With a single one, the peer may be back soon, or its name may have
            // another address.
            if (state.config.endpoints.size() > 1) {
              resolver_.next(peer, current_address(peer));
            } else {
              resolver_.refresh(peer, current_address(peer));
            }
          },
          [&](const Event::NoEndpoint&) { state.problem = "has no known address"; },
          [](const Event::AskRoute&) {}, [](const Event::Loop&) {},  // told by whoever knows the ports' names
      },
      event.what);
}

void TunnelDriver::report_session(protocol::PeerId peer, PeerState& state) {
  check_endpoint(peer);
  state.problem.clear();
  const auto address = current_address(peer);
  if (address) heard_from(peer, *address);
  if (crypto::secret_lock_failed() && !std::exchange(told_lock_failed_, true)) {
    log::warn("session keys are not locked into memory: raise LimitMEMLOCK (ulimit -l)");
  }
  if (!std::exchange(state.up, true)) {
    log::line(level_of(log::Level::kInfo, state), "peer {}: session up with {}", label(peer),
              address ? address->to_string() : "unknown");
  } else {
    log::debug("peer {}: session renewed", label(peer));
  }
}

void TunnelDriver::report_layer2_refused(protocol::PeerId peer, PeerState& state) {
  const bool tap_here = plane_.ethernet != nullptr;
  std::string why = "runs a tap, and this is a tun";
  if (tap_here)
    why = tunnel_.peer(peer).remote() ? "runs a tun, and this is a tap"
                                      : "is no tunneld, and only tunnelds have taps";
  if (state.refused != why)
    log::line(level_of(log::Level::kWarning, state), "peer {}: {}: nothing is exchanged with it", label(peer),
              why);
  state.refused = std::move(why);
}

void TunnelDriver::heard_from(protocol::PeerId peer, const net::SocketAddress& place) {
  PeerState& state = peers_[peer];
  const Instant now = net::boot_now();
  state.key_use.heard_from(place, now);
  const auto places = state.key_use.two_places(now);
  if (!places || now < state.tell_two_places_at) return;
  state.tell_two_places_at = now + kTellAgain;
  log::warn("peer {}: {}", label(peer), in_words(*places));
}

log::Level TunnelDriver::level_of(log::Level usual, PeerState& state) {
  return state.tell.allow(net::boot_now()) ? usual : log::Level::kDebug;
}

std::string TunnelDriver::label(protocol::PeerId peer) const {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return "?";
  return found->second.config.name.value + " (" + found->second.short_key + "…)";
}

std::string_view TunnelDriver::name(protocol::PeerId peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? std::string_view{} : found->second.config.name.value;
}

TunnelDriver::PeerInfo TunnelDriver::info(protocol::PeerId peer) const {
  PeerInfo info;
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return info;
  info.name = found->second.config.name.value;
  info.note = resolver_.waiting_for(peer);
  if (info.note.empty()) info.note = found->second.problem;
  info.refused = found->second.refused;
  info.forbidden_endpoint = found->second.forbidden_endpoint;
  if (const auto places = found->second.key_use.two_places(net::boot_now()))
    info.two_places = in_words(*places);
  return info;
}

}  // namespace tunneld::daemon
