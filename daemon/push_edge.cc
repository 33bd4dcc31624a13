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
  alarm_->set(deadline, due_);
}

// --- A server's side

ServerPushEdge::ServerPushEdge(boost::asio::io_context& io, std::shared_ptr<const config::Config> config,
                               const protocol::Tunnel& tunnel, TunnelDriver& driver,
                               std::function<void(const Leases&)> take)
    : store_(leases_path(config->interface.name.value)),
      push_(std::move(config), tunnel,
            {.save = [this](const auto& leases) { store_.save(leases); }, .take = std::move(take)},
            store_.load(), net::now()),
      timer_(io, driver, [this] { due(); }) {
  const auto receive = [this, &driver](protocol::PeerId id, const protocol::ControlFrame& frame) {
    const auto key = driver.key_of(id);
    if (!key) return;
    timer_.call(push_, [&](PushFrames& out) { push_.on_frame({id, *key}, frame, net::now(), out); });
  };
  driver.on_frame(protocol::FrameType::kConfigRequest, receive);
  driver.on_frame(protocol::FrameType::kConfigAck, receive);
  driver.on_event([this, &driver](const protocol::Event& event) {
    if (const auto key = driver.key_of(event.peer)) push_.on_event({event.peer, *key}, event);
  });
  driver.on_removal([this](protocol::PeerId id) { return push_.last_word(id); });
  timer_.follow({}, push_.deadline());
}

ServerPushEdge::~ServerPushEdge() {
  push_.stop(net::now());
}

void ServerPushEdge::reconfigured(std::shared_ptr<const config::Config> config, AddressPool pool) {
  timer_.call(push_, [&](PushFrames& out) {
    push_.reconfigured(std::move(config), std::move(pool), net::now(), out);
  });
}

Json ServerPushEdge::status() const {
  return push_.status(net::now());
}

void ServerPushEdge::due() {
  timer_.call(push_, [this](PushFrames& out) { push_.on_timer(net::now(), out); });
}

// --- A client's side

ClientPushEdge::ClientPushEdge(boost::asio::io_context& io,
                               const std::shared_ptr<const config::Config>& config,
                               const protocol::Tunnel& tunnel, TunnelDriver& driver,
                               std::function<std::optional<ClientPush::Refusal>(const AcceptedConfig&)> apply)
    : push_(config, tunnel,
            {.networks =
                 [device = config->interface.name.value, place = config->interface.bridge
                                                                     ? config->interface.bridge->name.value
                                                                     : config->interface.name.value] {
                   return host_networks(place, device);  // a reload changes neither
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

std::optional<Handover::Configuration> ClientPushEdge::configuration() const {
  const auto& source = push_.source();
  if (!source) return std::nullopt;
  return Handover::Configuration{.server = source->server,
                                 .instance = source->instance,
                                 .message = source->message,
                                 .until = source->term.end()};
}

void ClientPushEdge::resume(const Handover::Configuration& before) {
  push_.resume(before.server, before.instance, before.message, before.until, net::boot_now());
}

ClientPush::Held ClientPushEdge::held_for(const config::Config& next) const {
  return push_.held_for(next, net::boot_now());
}

void ClientPushEdge::reconfigured(std::shared_ptr<const config::Config> config, ClientPush::Held held) {
  timer_.call(push_, [&](PushFrames& out) {
    push_.reconfigured(std::move(config), std::move(held), net::boot_now(), out);
  });
}

void ClientPushEdge::host_changed() {
  timer_.call(push_, [this](PushFrames&) { push_.host_changed(net::boot_now()); });
}

void ClientPushEdge::due() {
  timer_.call(push_, [this](PushFrames& out) { push_.on_timer(net::boot_now(), out); });
}

}  // namespace tunneld::daemon
