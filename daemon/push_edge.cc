#include "daemon/push_edge.h"

#include <algorithm>
#include <utility>

#include "common/net/system_clock.h"
#include "daemon/host/host_networks.h"
#include "daemon/host/state_directory.h"

namespace tunneld::daemon {

// --- Timer and frames

void PushTimer::follow(const PushFrames& frames, Instant deadline) {
  for (const PushFrame& frame : frames) {
    if (driver_.key_of(frame.to)) (void)driver_.send_frame(frame.to, frame.frame);
  }
  timer_.expires_after(std::max(deadline - net::boot_now(), Duration::zero()));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) due_();
  });
}

// --- A server's side

ServerPushEdge::ServerPushEdge(boost::asio::io_context& io, const config::Config& config,
                               protocol::Tunnel& tunnel, TunnelDriver& driver,
                               std::function<void()> set_rules)
    : store_(leases_path(config.interface.name.value)),
      push_(config, tunnel,
            {.save = [this](const auto& leases) { store_.save(leases); },
             .set_rules = std::move(set_rules),
             .update_peer = [&driver](const config::PeerConfig& peer) { driver.update_peer(peer); }},
            store_.load(), net::now()),
      timer_(io, driver, [this] { due(); }) {
  const auto take = [this, &driver](protocol::PeerId id, const protocol::ControlFrame& frame) {
    const auto key = driver.key_of(id);
    if (!key) return;
    timer_.call(push_, [&](PushFrames& out) { push_.on_frame({id, *key}, frame, net::now(), out); });
  };
  driver.on_frame(protocol::FrameType::kConfigRequest, take);
  driver.on_frame(protocol::FrameType::kConfigAck, take);
  driver.on_event([this, &driver](const protocol::Event& event) {
    if (const auto key = driver.key_of(event.peer)) push_.on_event({event.peer, *key}, event);
  });
  timer_.follow({}, push_.deadline());
}

ServerPushEdge::~ServerPushEdge() {
  push_.stop(net::now());
}

AddressPool ServerPushEdge::reconfigure() {
  return push_.reconfigure(net::now());
}

void ServerPushEdge::go_back(AddressPool leases) {
  push_.go_back(std::move(leases), net::now());
}

void ServerPushEdge::push_changes() {
  timer_.call(push_, [this](PushFrames& out) { push_.push_changes(net::now(), out); });
}

Json ServerPushEdge::status() const {
  return push_.status(net::now().wall);
}

void ServerPushEdge::due() {
  timer_.call(push_, [this](PushFrames& out) { push_.on_timer(net::now(), out); });
}

// --- A client's side

ClientPushEdge::ClientPushEdge(boost::asio::io_context& io, const config::Config& config,
                               protocol::Tunnel& tunnel, TunnelDriver& driver, std::function<void()> apply)
    : push_(config, tunnel,
            {.networks =
                 [&config] {
                   const auto& bridge = config.interface.bridge;
                   const std::string& device = config.interface.name.value;
                   return host_networks(bridge ? bridge->name.value : device, device);
                 },
             .apply = std::move(apply)},
            net::boot_now()),
      timer_(io, driver, [this] { due(); }) {
  driver.on_event([this, &driver](const protocol::Event& event) {
    const auto key = driver.key_of(event.peer);
    if (!key) return;
    PushFrames frames;
    push_.on_event({event.peer, *key}, event, net::boot_now(), frames);
    // Of the many events, few are of interest here.
    if (!frames.empty()) timer_.follow(frames, push_.deadline());
  });
  driver.on_frame(protocol::FrameType::kConfig, [this, &driver](protocol::PeerId id,
                                                                const protocol::ControlFrame& frame) {
    const auto key = driver.key_of(id);
    if (!key) return;
    timer_.call(push_, [&](PushFrames& out) { push_.on_frame({id, *key}, frame, net::boot_now(), out); });
  });
  timer_.follow({}, push_.deadline());
}

ClientPush::Held ClientPushEdge::reconfigure() {
  ClientPush::Held before;
  timer_.call(push_, [&](PushFrames& out) { before = push_.reconfigure(net::boot_now(), out); });
  return before;
}

void ClientPushEdge::due() {
  timer_.call(push_, [this](PushFrames& out) { push_.on_timer(net::boot_now(), out); });
}

}  // namespace tunneld::daemon
