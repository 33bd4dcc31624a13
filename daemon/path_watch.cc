#include "daemon/path_watch.h"

#include <spdlog/spdlog.h>

#include "common/net/system_clock.h"

namespace tunneld::daemon {

PathWatch::PathWatch(protocol::Tunnel& tunnel, TunnelDriver& driver) : tunnel_(tunnel), driver_(driver) {
  driver_.on_event([this](const protocol::Event& event) {
    using Kind = protocol::Event::Kind;
    if (event.kind == Kind::kSessionUp || event.kind == Kind::kEndpointMoved || event.kind == Kind::kAskRoute)
      learn(event.peer);
  });
}

void PathWatch::set_mark(std::uint32_t mark) {
  if (mark_ == mark) return;
  mark_ = mark;
  routes_changed();
}

void PathWatch::routes_changed() {
  tunnel_.for_each_peer([this](protocol::PeerId id, protocol::Peer&) { learn(id); });
}

void PathWatch::learn(protocol::PeerId peer) {
  const auto endpoint = tunnel_.peer(peer).status(net::boot_now()).endpoint;
  if (!endpoint) return;
  try {
    const net::Way way = netlink_.way_to(endpoint->remote.address, endpoint->remote.scope_id, mark_);
    const std::uint32_t interface = netlink_.link(way.interface_index).mtu;
    tunnel_.peer(peer).learn_route({.interface = interface, .path = way.mtu.value_or(interface)});
    driver_.peer_changed(peer);
  } catch (const net::NetlinkError& error) {
    // No route at the moment: what was known stays.
    spdlog::debug("the way to {}: {}", endpoint->remote.to_string(), error.what());
  }
}

}  // namespace tunneld::daemon
