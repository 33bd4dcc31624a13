#include "daemon/path_watch.h"

#include <chrono>
#include <utility>

#include "common/counted.h"
#include "common/log.h"
#include "common/net/system_clock.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

/// How many peers are compared at once, which takes the control thread about 3 ms, and the pause after them.
constexpr std::size_t kPeersPerTurn = 200;
constexpr auto kPause = 50ms;

}  // namespace

PathWatch::PathWatch(boost::asio::io_context& io, const protocol::Tunnel& tunnel, TunnelDriver& driver)
    : tunnel_(tunnel), driver_(driver), pause_(io) {
  driver_.on_event([this](const protocol::Event& event) {
    using protocol::Event;
    if (!event.is<Event::SessionUp, Event::EndpointMoved, Event::AskRoute>()) return;
    links_.clear();
    if (look(event.peer)) driver_.route_changed(event.peer);
  });
}

void PathWatch::set_mark(std::uint32_t mark) {
  if (mark_ == mark) return;
  mark_ = mark;
  routes_changed("fwmark");
}

void PathWatch::routes_changed(const std::string& why) {
  why_ = why;
  if (left_.empty()) {
    begin();
  } else {
    again_ = true;
  }
}

void PathWatch::begin() {
  again_ = false;
  std::deque<protocol::PeerId> others;
  const Instant now = net::boot_now();
  tunnel_.for_each_peer([&](protocol::PeerId id, const protocol::Peer& peer) {
    if (peer.link().endpoint.get() == nullptr) return;
    if (driver_.calls(id)) {
      left_.push_back(id);
    } else if (peer.status(now).session_live) {
      others.push_back(id);
    }
  });
  left_.insert(left_.end(), others.begin(), others.end());
  take_turn();
}

void PathWatch::take_turn() {
  links_.clear();
  std::size_t told = 0;
  for (std::size_t i = 0; i < kPeersPerTurn && !left_.empty(); ++i) {
    const protocol::PeerId peer = left_.front();
    left_.pop_front();
    if (!look(peer)) continue;
    ++told;
    driver_.route_changed(peer);
  }
  if (told > 0) log::info("the network has changed ({}): telling {}", why_, counted(told, "peer"));
  if (left_.empty() && !again_) return;
  pause_.expires_after(kPause);
  pause_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    if (left_.empty()) {
      begin();
    } else {
      take_turn();
    }
  });
}

const net::Link& PathWatch::link(std::uint32_t index) {
  const auto known = links_.find(index);
  if (known != links_.end()) return known->second;
  return links_.emplace(index, netlink_.link(index)).first->second;
}

bool PathWatch::look(protocol::PeerId peer) {
  if (!driver_.knows(peer)) {  // removed meanwhile
    known_.erase(peer);
    return false;
  }
  const net::Endpoint* endpoint = tunnel_.peer(peer).link().endpoint.get();
  if (endpoint == nullptr) return false;
  const net::SocketAddress to = endpoint->remote;
  std::optional<Egress> egress;
  try {
    const net::ResolvedRoute found = netlink_.resolve_route(to.address, to.scope_id, mark_);
    const net::Link& out = link(found.interface_index);
    driver_.learn_route(peer, {.interface = out.mtu, .path = found.mtu.value_or(out.mtu)});
    if (out.running)
      egress = {.interface = found.interface_index, .source = found.source, .gateway = found.gateway};
  } catch (const net::NetlinkError& error) {
    // There is no route at the moment: the known path MTU stays.
    log::debug("the route to {}: {}", to.to_string(), error.what());
  }
  if (!driver_.calls(peer)) return false;
  const auto before = known_.find(peer);
  const bool is_another = before != known_.end() && before->second.to == to && egress.has_value() &&
                          before->second.egress != egress;
  known_.insert_or_assign(peer, Known{to, egress});
  return is_another;
}

}  // namespace tunneld::daemon
