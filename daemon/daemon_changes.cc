// The daemon's part in becoming something else: what it wants of the host, what has to wait, and reading the
// configuration again.
#include <algorithm>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "common/json.h"
#include "common/log.h"
#include "common/net/netlink.h"
#include "daemon/daemon.h"
#include "daemon/host/host_plan.h"
#include "daemon/host/privilege.h"
#include "daemon/log.h"
#include "daemon/reload.h"

namespace tunneld::daemon {

bool Daemon::waits_for_its_name(const config::PeerConfig& peer) const {
  const bool only_names =
      !peer.endpoints.empty() && std::ranges::none_of(peer.endpoints, [](const auto& endpoint) {
        return endpoint.value.address().has_value();
      });
  return only_names && !driver_.has_endpoint(peer.public_key.value);
}

bool Daemon::must_hold_full_tunnel() const {
  return std::ranges::any_of(config_.peers, [this](const config::PeerConfig& peer) {
    return waits_for_its_name(peer) && std::ranges::any_of(peer.allowed_ips, [](const auto& network) {
             return network.value.length == 0;
           });
  });
}

bool Daemon::must_hold_dns() const {
  return std::ranges::any_of(config_.peers, [this](const config::PeerConfig& peer) {
    return waits_for_its_name(peer) && std::ranges::any_of(peer.allowed_ips, [this](const auto& network) {
             return std::ranges::any_of(config_.interface.dns.servers, [&network](const auto& server) {
               return network.value.contains(server.value);
             });
           });
  });
}

void Daemon::leave_hold() {
  const bool full_tunnel_may_come = held_ && !must_hold_full_tunnel();
  const bool dns_may_come = held_dns_ && !must_hold_dns();
  if (!full_tunnel_may_come && !dns_may_come) return;
  try {
    become(wanted_changes());
  } catch (const std::exception& error) {
    stop(ExitCode::kRuntimeFailure, error.what());
  }
}

void Daemon::set_up_host() {
  const std::vector<HostChange> wanted = wanted_changes();
  try {
    become(wanted);
  } catch (const net::NetlinkError& error) {
    if (error.reason() != net::NetlinkError::Reason::kNotPermitted) throw;
    throw net::NetlinkError(error.reason(), error.what() + missing_for_root(wanted));
  }
}

std::vector<HostChange> Daemon::wanted_changes(bool hold_access) {
  HostPlan plan = wanted_plan();
  plan.access.held = hold_access;
  plan.hold_full_tunnel = held_ = must_hold_full_tunnel();
  plan.hold_dns = held_dns_ = must_hold_dns();
  return changes_of(plan);
}

void Daemon::become(std::vector<HostChange> wanted) {
  try {
    host_.become(wanted);
  } catch (const std::exception&) {
    refused_ = host_.failed();
    try {
      host_.become(changes_);
    } catch (const std::exception& error) {
      log::error("the host is neither as before nor as wanted: {}", error.what());
    }
    host_watch_.follow_names();
    throw;
  }
  host_watch_.follow_names();
  changes_ = std::move(wanted);
}

void Daemon::become_as_far_as_pushed(bool hold_access) {
  for (;;) {
    try {
      return become(wanted_changes(hold_access));
    } catch (const std::exception& error) {
      // One item less each time.
      if (!client_ || !refused_ || !client_->leave_out(*refused_, error.what())) throw;
    }
  }
}

Json Daemon::reload() {
  try {
    ReadAgain read = read_again(config_path_, config_, public_key_);
    const config::Config before = config_;
    const bool restricts = !wanted_plan().access.is_empty();
    config_ = std::move(read.config);
    std::optional<AddressPool> leases;
    if (server_) leases = server_->reconfigure();
    std::optional<ClientPush::Held> held;
    try {
      if (client_) held = client_->reconfigure();
    } catch (const std::exception&) {
      config_ = before;
      if (server_) server_->go_back(std::move(*leases));
      throw;
    }
    // On a link that somebody has set down, no route could be added.
    host_watch_.repair_now();
    const bool held_full_tunnel = held_;
    const bool held_dns = held_dns_;
    try {
      become_as_far_as_pushed(restricts);
    } catch (const std::exception&) {
      config_ = before;
      if (server_) server_->go_back(std::move(*leases));
      if (client_) client_->go_back(std::move(*held));
      held_ = held_full_tunnel;
      held_dns_ = held_dns;
      throw;
    }
    log::set_level(config_.log.level);
    for (auto* sockets : {&sockets_, &lane_sockets_}) {
      for (net::UdpSocket& socket : *sockets) {
        if (const std::error_code error = socket.set_mark(fwmark_of(config_))) {
          read.notes.push_back("interface.fwmark: " + error.message());
        }
      }
    }
    tell_addresses_elsewhere();
    set_packet_sizes();
    driver_.isolate_clients(config_.server && !config_.server->value.client_to_client);
    set_switch();
    const TunnelDriver::PeersChanged changed =
        driver_.set_peers(wanted_peers(), std::move(read.preshared_keys));
    // Peers that were restricted are gone only now. All else is done: this must not make it a failure.
    try {
      if (restricts && wanted_plan().access.is_empty()) become(wanted_changes());
    } catch (const std::exception& error) {
      read.notes.push_back(std::string("access rules that nobody needs stay: ") + error.what());
    }
    if (std::string missing = host_watch_.repair_now(); !missing.empty())
      read.notes.push_back(std::move(missing));
    if (server_) server_->push_changes();
    log::info("reloaded {}: {} peers added, {} removed, {} changed", config_path_, changed.added,
              changed.removed, changed.changed);
    for (const std::string& note : read.notes) log::warn("reload: {}", note);
    return {{"reloaded", device_.name()},
            {"peers", {{"added", changed.added}, {"removed", changed.removed}, {"changed", changed.changed}}},
            {"notes", read.notes}};
  } catch (const std::exception& error) {
    return {{"error", error.what()}};
  }
}

}  // namespace tunneld::daemon
