// How a running daemon changes: each cause changes the inputs, and become() does the rest.
#include <algorithm>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "common/counted.h"
#include "common/json.h"
#include "common/log.h"
#include "common/log_about.h"
#include "common/net/ip_address.h"
#include "common/net/netlink.h"
#include "common/net/system_clock.h"
#include "daemon/daemon.h"
#include "daemon/host/address_elsewhere.h"
#include "daemon/host/host_plan.h"
#include "daemon/host/privilege.h"
#include "daemon/logging.h"
#include "daemon/opening.h"
#include "daemon/reload.h"

namespace tunneld::daemon {

// --- Applying a desired state

Daemon::Became Daemon::become(Inputs next) {
  refused_.reset();
  DesiredState wanted = desired_state(next);
  Became became;
  try {
    // A peer that loses an address must not use it for a moment under the access rules of the peer that gets
    // it.
    if (!state_.plan.access.is_empty() || !wanted.plan.access.is_empty()) driver_.withdraw(wanted.peers);
    change_host(wanted);
    became = change_tunnel(wanted);
  } catch (...) {
    go_back();
    throw;
  }
  inputs_ = std::move(next);
  state_ = std::move(wanted);
  return became;
}

void Daemon::change_host(const DesiredState& wanted) {
  try {
    host_.become(wanted.changes);
  } catch (...) {
    refused_ = host_.failed();
    throw;
  }
  host_watch_.follow_names();
}

Daemon::Became Daemon::change_tunnel(const DesiredState& wanted) {
  Became became;
  if (const std::uint32_t mark = wanted.plan.fwmark; mark_ != mark) {
    mark_ = mark;
    for (auto* sockets : {&sockets_, &lane_sockets_}) {
      for (net::UdpSocket& socket : *sockets) {
        const std::error_code error = socket.set_mark(mark);
        if (!error) continue;
        became.notes.push_back("interface.fwmark: " + error.message());
        mark_.reset();  // the next change tries again, and reports again
      }
    }
  }
  path_watch_.set_mark(wanted.plan.fwmark);
  if (bridge_guard_) bridge_guard_->set_mark(wanted.plan.fwmark);
  plane_.mtu.store(wanted.mtu);
  plane_.mss_clamp.store(wanted.mss_clamp);
  tunnel_.set_path_policy(wanted.path);
  if (plane_.ethernet) {
    plane_.ethernet->change(wanted.ethernet);
    if (wanted.plan.mac_address) plane_.ethernet->set_own_address(*wanted.plan.mac_address);
  }
  became.peers = driver_.set_peers(wanted.peers);
  if (accepted_sources_) accepted_sources_->peers_changed();
  return became;
}

void Daemon::go_back() {
  // Changes taken over from the last run are undone when this run ends, not between two tries of a start.
  if (workers_.empty() && is_taken_over_) return;
  try {
    host_.become(state_.changes);
  } catch (const std::exception& error) {
    log::error("the last state of the host cannot be restored, and the new one is incomplete: {}",
               error.what());
  }
  host_watch_.follow_names();
  // A start has no tunnel to go back to.
  if (!workers_.empty()) change_tunnel(state_);
}

std::optional<ClientPush::Refusal> Daemon::try_become(Inputs next, Became* became) {
  try {
    Became result = become(std::move(next));
    if (became != nullptr) *became = std::move(result);
    return std::nullopt;
  } catch (const std::exception& error) {
    return ClientPush::Refusal{refused_, error.what()};
  }
}

std::optional<ClientPush::Refusal> Daemon::try_change(const std::function<void(Inputs&)>& change) {
  try {
    Inputs next = inputs_now();
    change(next);
    return try_become(std::move(next));
  } catch (const std::exception& error) {
    return ClientPush::Refusal{std::nullopt, error.what()};  // the kernel could not be asked
  }
}

Inputs Daemon::inputs_now() const {
  Inputs inputs = inputs_;
  inputs.surroundings = surroundings(config());
  return inputs;
}

Inputs::Surroundings Daemon::surroundings(const config::Config& next) const {
  Inputs::Surroundings around{.located = {},
                              .connected_networks = connected_.now(),
                              .outer_ports = outer_ports(sockets_),
                              .found_device = std::nullopt};
  for (const config::PeerConfig& peer : next.peers) {
    if (!peer.endpoints.empty() && driver_.has_endpoint(peer.public_key.value))
      around.located.insert(peer.public_key.value);
  }
  if (!may_configure_) around.found_device = net::Netlink().link(device_.interface_index());
  return around;
}

std::vector<std::uint16_t> Daemon::outer_ports(const std::vector<net::UdpSocket>& sockets) const {
  std::vector<std::uint16_t> ports;
  for (const auto* all : {&sockets, &lane_sockets_}) {
    for (const net::UdpSocket& socket : *all) ports.push_back(socket.port());
  }
  // The workers' sockets share a port.
  const auto repeated = std::ranges::unique(ports);
  ports.erase(repeated.begin(), repeated.end());
  return ports;
}

// --- Causes

void Daemon::become_at_start() {
  Inputs next = inputs_now();
  std::optional<ClientPush::Held> held;
  if (client_) held = client_->held_for(config());
  try {
    for (;;) {
      if (held) next.accepted = held->accepted;
      try {
        become(next);
        break;
      } catch (const std::exception& error) {
        if (!held || !refused_ || !ClientPush::leave_out(*held, {refused_, error.what()})) throw;
      }
    }
  } catch (const net::NetlinkError& error) {
    if (error.reason() != net::NetlinkError::Reason::kNotPermitted) throw;
    throw net::NetlinkError(error.reason(), error.what() + missing_for_root(desired_state(next).changes));
  }
  if (held) client_->reconfigured(inputs_.config, std::move(*held));
  // Others may have removed something between the two runs.
  if (is_taken_over_) (void)host_watch_.repair_now();
  tell_addresses_elsewhere();
}

Json Daemon::reload() {
  try {
    ReadAgain read = read_again(config_path_, config(), inputs_.public_key);
    Inputs next = inputs_;
    next.preshared_keys = std::make_shared<const config::PresharedKeys>(std::move(read.preshared_keys));
    next.config = std::make_shared<const config::Config>(std::move(read.config));
    next.surroundings = surroundings(*next.config);
    std::optional<AddressPool> pool;
    if (server_) next.leases = pool.emplace(server_->pool_for(*next.config)).leases();
    std::optional<ClientPush::Held> held;
    if (client_) held = client_->held_for(*next.config);
    // First, because no route can be added on a link that somebody has set down.
    host_watch_.repair_now();
    Became became;
    for (;;) {
      if (held) next.accepted = held->accepted;
      const auto refusal = try_become(next, &became);
      if (!refusal) break;
      if (!held || !ClientPush::leave_out(*held, *refusal)) return {{"error", refusal->why}};
    }
    const TunnelDriver::PeersChanged& changed = became.peers;
    log::set_level(config().log.level);
    control_.set_readers(config().interface.status_group);
    told_elsewhere_.clear();
    tell_addresses_elsewhere();
    std::vector<std::string>& notes = became.notes;
    notes.insert(notes.begin(), read.notes.begin(), read.notes.end());
    if (std::string missing = host_watch_.repair_now(); !missing.empty()) notes.push_back(std::move(missing));
    if (server_) server_->reconfigured(inputs_.config, std::move(*pool));
    if (client_) client_->reconfigured(inputs_.config, std::move(*held));
    const log::About about("reloaded");
    log::info("reloaded {}: {} added, {} removed, {} changed", config_path_, counted(changed.added, "peer"),
              changed.removed, changed.changed);
    for (const std::string& note : notes) log::warn("reload: {}", note);
    return {{"reloaded", device_.name()},
            {"peers", {{"added", changed.added}, {"removed", changed.removed}, {"changed", changed.changed}}},
            {"notes", notes}};
  } catch (const std::exception& error) {
    return {{"error", error.what()}};
  }
}

void Daemon::take_leases(const Leases& leases) {
  // The surroundings are not looked up again: leases do not depend on them.
  Inputs next = inputs_;
  next.leases = leases;
  become(std::move(next));
}

std::optional<ClientPush::Refusal> Daemon::take_accepted(const AcceptedConfig& accepted) {
  const bool was_uncovered = state_.plan.uncovered_family().has_value();
  if (auto refusal = try_change([&](Inputs& next) { next.accepted = accepted; })) return refusal;
  tell_addresses_elsewhere();
  keep_handover_soon();
  // If the configuration itself leaves a family out, a warning was given when it was read.
  if (state_.plan.uncovered_family() && !was_uncovered && !host_plan(config()).uncovered_family())
    log::warn("the server pushes a full tunnel of one address family only: the other one bypasses it");
  return std::nullopt;
}

void Daemon::leave_hold() {
  const auto holds = [](const HostPlan& plan) { return std::pair(plan.hold_full_tunnel, plan.hold_dns); };
  if (holds(state_.plan) == std::pair(false, false)) return;
  try {
    Inputs next = inputs_now();
    if (holds(desired_state(next).plan) != holds(state_.plan)) become(std::move(next));
  } catch (const std::exception& error) {
    stop(ExitCode::kRuntimeFailure, error.what());
  }
}

void Daemon::follow_connected_networks() {
  tell_addresses_elsewhere();
  if (!state_.plan.is_full_tunnel()) return;
  if (const auto refusal = try_change([](Inputs&) {}))
    log::warn("cannot change which networks stay outside of the full tunnel: {}", refusal->why);
}

void Daemon::follow_path_mtu(protocol::PeerId peer) {
  if (!state_.follows_path) return;
  // Lowered at once, raised when the search is complete.
  const protocol::PathMtu& path = tunnel_.peer(peer).path().mtu();
  if (path.limit() > state_.mtu && path.phase() == protocol::PathMtu::Phase::kSearching) return;
  // Below 1280 the kernel would disable IPv6 on the device; smaller paths are handled by the peer's limit.
  const std::uint32_t mtu = std::max<std::uint32_t>(path.limit(), net::kIpv6LeastMtu);
  if (!damped_mtu_) damped_mtu_.emplace(state_.mtu);
  set_path_mtu(damped_mtu_->follow(mtu, net::boot_now()));
}

void Daemon::set_path_mtu(std::optional<std::uint32_t> mtu) {
  if (mtu && *mtu != state_.mtu && state_.follows_path) {
    if (const auto refusal = try_change([&](Inputs& next) { next.found_mtu = mtu; })) {
      log::warn("the MTU of {} stays {}: {}", device_.name(), state_.mtu, refusal->why);
    } else {
      log::info("the MTU of {} is {} now, to fit the path to the peer", device_.name(), *mtu);
    }
  }
  if (damped_mtu_->deadline() == kNever) {
    mtu_alarm_->cancel();
  } else {
    mtu_alarm_->set(damped_mtu_->deadline(), [this] { set_path_mtu(damped_mtu_->due(net::boot_now())); });
  }
}

bool Daemon::take_new_port() {
  if (config().interface.listen_port || workers_.size() != sockets_.size()) return false;
  bool has_let_out = false;
  try {
    const auto fresh = open_sockets_elsewhere(config(), sockets_.size());
    // First, because a kill switch lets only these ports out.
    Inputs next = inputs_now();
    next.surroundings.outer_ports = outer_ports(fresh);
    become(std::move(next));
    has_let_out = true;
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if (const auto error = sockets_[i].become(fresh[i])) throw std::system_error(error);
      workers_[i]->socket_is_another();
    }
    log::info("a peer does not answer: sending from udp port {} from now on", sockets_.front().port());
    return true;
  } catch (const std::exception& error) {
    log::warn("cannot change the UDP port: {}", error.what());
    if (!has_let_out) return false;
    if (const auto refusal = try_change([](Inputs&) {}))
      log::warn("the kill switch may block the tunnel's own packets: {}", refusal->why);
    return false;
  }
}

std::vector<std::string> Daemon::addresses_elsewhere() const {
  return found_elsewhere(state_.plan.addresses, interface_addresses(state_.plan.place(), device_.name()));
}

void Daemon::tell_addresses_elsewhere() {
  try {
    std::vector<std::string> found = addresses_elsewhere();
    for (const std::string& line : found) {
      if (std::ranges::find(told_elsewhere_, line) == told_elsewhere_.end()) log::warn("{}", line);
    }
    told_elsewhere_ = std::move(found);
  } catch (const std::system_error& error) {
    log::warn("cannot check whether another interface has the tunnel's addresses, too: {}", error.what());
  }
}

}  // namespace tunneld::daemon
