#include "daemon/tunnel_driver.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <random>
#include <set>
#include <system_error>
#include <utility>
#include <variant>

#include <boost/asio/post.hpp>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/log.h"
#include "common/net/file_descriptor.h"
#include "common/net/system_clock.h"
#include "common/protocol/messages.h"
#include "common/system_error.h"

namespace tunneld::daemon {
namespace {

/// DSCP AF41, what WireGuard marks handshakes with.
constexpr std::uint8_t kHandshakeTrafficClass = 0x88;
/// Strangers' messages handled before timers, known peers and the control socket get their turn again.
constexpr int kStrangersPerTurn = 64;
/// The same for what known peers sent or caused: one of them must not keep the others waiting.
constexpr int kPeerNoticesPerTurn = 256;

std::vector<net::IpPrefix> prefixes_of(const config::PeerConfig& peer) {
  std::vector<net::IpPrefix> prefixes;
  for (const auto& prefix : peer.allowed_ips) prefixes.push_back(prefix.value);
  return prefixes;
}

std::vector<net::MacAddress> stations_of(const config::PeerConfig& peer) {
  std::vector<net::MacAddress> stations;
  for (const auto& address : peer.mac_addresses) stations.push_back(address.value);
  return stations;
}

std::optional<crypto::PresharedKey> preshared_key_of(const DesiredPeer& peer) {
  return peer.preshared_key == nullptr ? std::nullopt : std::optional(peer.preshared_key->clone());
}

protocol::PeerOptions options_of(const DesiredPeer& peer) {
  return {.public_key = peer.config.public_key.value,
          .preshared_key = preshared_key_of(peer),
          .allowed_ips = prefixes_of(peer.config),
          .mac_addresses = stations_of(peer.config),
          .endpoint = std::nullopt,
          .persistent_keepalive = peer.config.persistent_keepalive.value_or(Duration::zero()),
          .awaits_endpoint = !peer.config.endpoints.empty(),
          .isolated = peer.isolated};
}

}  // namespace

TunnelDriver::TunnelDriver(boost::asio::io_context& io, protocol::Tunnel& tunnel, protocol::DataPlane& plane,
                           std::vector<net::UdpSocket>& sockets, std::vector<net::UdpSocket>& lane_sockets,
                           std::function<void()> on_device_gone)
    : tunnel_(tunnel),
      plane_(plane),
      socket_(sockets.front()),
      lane_sockets_(lane_sockets),
      on_device_gone_(std::move(on_device_gone)),
      wake_(io, checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      timer_(io, checked(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd")),
      signals_{.wake_fd = wake_.native_handle()},
      resolver_(io,
                [this](protocol::PeerId peer, const net::SocketAddress& address) {
                  log::debug("peer {}: trying {}", label(peer), address.to_string());
                  peers_[peer].problem.clear();
                  protocol::Actions actions;
                  tunnel_.change(peer)->try_endpoint(
                      {.remote = address, .local = std::nullopt, .local_interface = 0}, net::now(), actions);
                  check_endpoint(peer);
                  if (on_endpoint_found_) on_endpoint_found_();
                  carry_out(actions);
                  for (const EventHandler& handler : event_handlers_)
                    handler({peer, protocol::Event::AskRoute{}});
                }),
      refusals_(io, sockets) {
  resolver_.on_candidates([this](protocol::PeerId peer, const std::vector<net::SocketAddress>& addresses) {
    tunnel_.change(peer)->caller().set_addresses(addresses);
  });
  wait_for_notices();
  wait_for_timer();
}

// --- Peers

TunnelDriver::PeersChanged TunnelDriver::set_peers(const std::vector<DesiredPeer>& peers) {
  const Now now = net::now();
  PeersChanged result;
  protocol::Tunnel::PeerChanges changes;
  std::set<protocol::PeerId> staying;
  std::vector<const DesiredPeer*> added;
  bool isolation_changed = false;
  for (const DesiredPeer& peer : peers) {
    if (const protocol::Peer* known = tunnel_.find_peer(peer.config.public_key.value)) {
      const protocol::PeerId id = known->link().id;
      staying.insert(id);
      isolation_changed = isolation_changed || known->options().isolated != peer.isolated;
      {
        const auto changing = tunnel_.change(id);
        changing->options().preshared_key = preshared_key_of(peer);
        changing->options().isolated = peer.isolated;
      }
      if (change_peer(id, peer, changes, now)) ++result.changed;
    } else {
      changes.added.push_back(options_of(peer));
      added.push_back(&peer);
    }
  }
  tunnel_.for_each_peer([&](protocol::PeerId id, const protocol::Peer&) {
    if (!staying.contains(id)) changes.removed.push_back(id);
  });
  for (const protocol::PeerId id : changes.removed) {
    log::info("peer {}: removed", label(id));
    if (const auto word = last_word_ ? last_word_(id) : std::nullopt)
      (void)tunnel_.change(id)->send_frame(*word, now, actions_);
    tunnel_.change(id)->say_bye(now, actions_);
    resolver_.remove(id);
    peers_.erase(id);
  }
  result.added = added.size();
  result.removed = changes.removed.size();

  if (isolation_changed || !changes.empty()) {
    const std::vector<protocol::PeerId> ids = tunnel_.change_peers(std::move(changes), now);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const config::PeerConfig& config = added[i]->config;
      peers_[ids[i]] = {.config = config, .short_key = config.public_key.value.to_short()};
      look_up_endpoints(ids[i]);
    }
  }
  boost::asio::post(wake_.get_executor(), [this] { carry_out(actions_); });
  return result;
}

void TunnelDriver::withdraw(const std::vector<DesiredPeer>& peers) {
  std::map<crypto::PublicKey, const config::PeerConfig*> wanted;
  for (const DesiredPeer& peer : peers) wanted[peer.config.public_key.value] = &peer.config;
  protocol::Tunnel::PeerChanges changes;
  for (auto& [id, state] : peers_) {
    const auto peer = wanted.find(state.config.public_key.value);
    std::set<net::IpPrefix> kept;
    if (peer != wanted.end()) {
      for (const auto& network : peer->second->allowed_ips) kept.insert(network.value);
    }
    const std::size_t taken = std::erase_if(
        state.config.allowed_ips, [&kept](const auto& network) { return !kept.contains(network.value); });
    if (taken == 0) continue;
    state.is_withdrawn = true;
    changes.allowed_ips.emplace_back(id, prefixes_of(state.config));
  }
  if (!changes.empty()) (void)tunnel_.change_peers(std::move(changes), net::now());
}

void TunnelDriver::remember_place(const crypto::PublicKey& peer, const net::SocketAddress& address,
                                  bool calls) {
  const protocol::Peer* known = tunnel_.find_peer(peer);
  if (known == nullptr) return;
  const protocol::PeerId id = known->link().id;
  const Now now = net::now();
  const auto changing = tunnel_.change(id);
  changing->try_endpoint({.remote = address, .local = std::nullopt, .local_interface = 0}, now, actions_);
  if (calls) changing->caller().begin(now, actions_);
  boost::asio::post(wake_.get_executor(), [this, id] {
    if (knows(id)) check_endpoint(id);
    carry_out(actions_);
  });
}

void TunnelDriver::say_goodbye() {
  const Now now = net::now();
  tunnel_.for_each_peer(
      [&](protocol::PeerId id, const protocol::Peer&) { tunnel_.change(id)->say_bye(now, actions_); });
  carry_out(actions_);
}

std::optional<crypto::PublicKey> TunnelDriver::key_of(protocol::PeerId peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? std::nullopt : std::optional(found->second.config.public_key.value);
}

bool TunnelDriver::change_peer(protocol::PeerId id, const DesiredPeer& wanted,
                               protocol::Tunnel::PeerChanges& changes, Now now) {
  const config::PeerConfig& config = wanted.config;
  PeerState& state = peers_[id];
  const bool was_withdrawn = std::exchange(state.is_withdrawn, false);
  if (state.config == config) return was_withdrawn;
  const config::PeerConfig before = std::exchange(state.config, config);
  if (before.allowed_ips != config.allowed_ips) changes.allowed_ips.emplace_back(id, prefixes_of(config));
  if (before.mac_addresses != config.mac_addresses)
    changes.mac_addresses.emplace_back(id, stations_of(config));
  if (before.persistent_keepalive != config.persistent_keepalive) {
    tunnel_.change(id)->set_persistent_keepalive(config.persistent_keepalive.value_or(Duration::zero()), now,
                                                 actions_);
  }
  if (before.endpoints != config.endpoints || before.endpoint_order != config.endpoint_order) {
    tunnel_.change(id)->link().awaits_endpoint.store(!config.endpoints.empty());
    look_up_endpoints(id);
  }
  return true;
}

void TunnelDriver::look_up_endpoints(protocol::PeerId id) {
  const config::PeerConfig& config = peers_[id].config;
  resolver_.remove(id);
  if (config.endpoints.empty()) return;
  std::vector<config::PeerEndpoint> endpoints;
  for (const auto& endpoint : config.endpoints) endpoints.push_back(endpoint.value);
  if (config.endpoint_order == config::EndpointOrder::kRandom) {
    std::random_device random;
    std::ranges::shuffle(endpoints, random);
  }
  resolver_.add(id, config.name.value, std::move(endpoints));
}

// --- Wake-ups

void TunnelDriver::wait_for_notices() {
  wake_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                   [this](const boost::system::error_code& error) {
                     if (error) return;
                     std::uint64_t count = 0;
                     [[maybe_unused]] const ssize_t got = read(wake_.native_handle(), &count, sizeof count);
                     drain_doors();
                     wait_for_notices();
                   });
}

void TunnelDriver::wait_for_timer() {
  timer_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this](const boost::system::error_code& error) {
                      if (error) return;
                      std::uint64_t count = 0;
                      [[maybe_unused]] const ssize_t got = read(timer_.native_handle(), &count, sizeof count);
                      armed_ = kNever;
                      advance();
                      wait_for_timer();
                    });
}

void TunnelDriver::drain_doors() {
  if (signals_.device_gone.load()) return on_device_gone_();
  if (signals_.segmentation_lost.load() && !std::exchange(told_segmentation_lost_, true)) {
    log::warn(
        "the outer interface cannot segment UDP (GSO): sending packets one by one, and trying again from "
        "time to "
        "time");
  }
  const Now now = net::now();
  const auto handle = [&](const protocol::DoorRecord& record, MutableBytes payload) {
    tunnel_.handle(record, payload, now, actions_);
  };
  bool more_wait = false;
  for (const auto& door : plane_.doors) {
    int peers = 0;
    while (peers < kPeerNoticesPerTurn && door->pop_peers(handle)) ++peers;
    int strangers = 0;
    while (strangers < kStrangersPerTurn && door->pop_strangers(handle)) ++strangers;
    carry_out(actions_);
    more_wait = more_wait || peers == kPeerNoticesPerTurn || strangers == kStrangersPerTurn;
  }
  if (more_wait) net::ring(wake_.native_handle());
}

void TunnelDriver::advance() {
  tunnel_.advance(net::now(), actions_);
  carry_out(actions_);
  if (net::boot_now() >= look_at_) look_after_all();
  arm_timer();
}

void TunnelDriver::arm_timer() {
  const Instant next = std::min(tunnel_.next_deadline(), look_at_);
  if (next == armed_) return;
  armed_ = next;
  itimerspec spec{};
  if (next != kNever) {
    const auto since_boot = std::max(next.time_since_epoch(), Duration(1));  // zero would turn the timer off
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
    spec.it_value.tv_sec = seconds.count();
    spec.it_value.tv_nsec = (since_boot - seconds).count();
  }
  timerfd_settime(timer_.native_handle(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

// --- What the tunnel asks for

void TunnelDriver::carry_out(protocol::Actions& actions) {
  change_port_if_useless(actions);
  datagrams_.clear();
  initiations_.clear();
  for (const auto& datagram : actions.datagrams()) {
    if (endpoint_guard_ && is_worth_a_look(actions.bytes(datagram)) && !may_send(datagram.to)) continue;
    if (datagram.probe) {
      send_probe(datagram, actions.bytes(datagram));
      continue;
    }
    net::Datagram ready{.endpoint = datagram.to,
                        .bytes = actions.bytes(datagram),
                        .traffic_class = datagram.handshake ? kHandshakeTrafficClass : std::uint8_t{0}};
    if (datagram.lane == 0) {
      datagrams_.push_back(ready);
      initiations_.push_back(datagram.initiation);
    } else {
      lane_sockets_[datagram.lane - 1].send_batch(std::span(&ready, 1));
    }
  }
  const bool calls = std::ranges::any_of(datagrams_, [](const net::Datagram& datagram) {
    return protocol::classify(datagram.bytes) == protocol::MessageType::kInitiation;
  });
  if (calls) refusals_.expect();
  if (!datagrams_.empty() && socket_.send_batch(datagrams_).dropped > 0) {
    for (std::size_t i = 0; i < datagrams_.size(); ++i) {
      if (!initiations_[i] || datagrams_[i].status != net::SendStatus::kUnreachable) continue;
      if (!knows(*initiations_[i])) continue;  // removed meanwhile
      tunnel_.change(*initiations_[i])->caller().unsent(net::now());
    }
  }
  // An event or a frame may lead to further actions, so they are taken out first.
  const std::vector<protocol::Event> events = actions.events();
  const std::vector<protocol::Actions::Frame> frames = actions.frames();
  actions.clear();
  for (const protocol::Event& event : events) {
    if (!knows(event.peer)) continue;  // removed meanwhile
    report(event);
    if (event.is<protocol::Event::EndpointMoved>()) {
      if (!may_look(event.peer)) continue;
      check_endpoint(event.peer);
    }
    for (const EventHandler& handler : event_handlers_) handler(event);
  }
  for (const protocol::Actions::Frame& frame : frames) {
    const auto handler = frame_handlers_.find(frame.frame.type);
    if (handler != frame_handlers_.end()) handler->second(frame.peer, frame.frame);
  }
  arm_timer();
}

void TunnelDriver::send_probe(const protocol::Actions::Datagram& probe, ByteView bytes) {
  if (socket_.send_probe(probe.to, bytes) != net::SendStatus::kTooLarge) return;
  const auto& [peer, size] = *probe.probe;
  if (knows(peer)) tunnel_.change(peer)->path().refused(size, net::boot_now());
}

void TunnelDriver::learn_route(protocol::PeerId peer, const protocol::RouteMtu& route) {
  tunnel_.change(peer)->path().learn(route);
  arm_timer();
}

bool TunnelDriver::send_frame(protocol::PeerId peer, const protocol::ControlFrame& frame,
                              std::size_t plain_size) {
  protocol::Actions actions;
  const bool sent = tunnel_.change(peer)->send_frame(frame, net::now(), actions, plain_size);
  carry_out(actions);
  return sent;
}

std::optional<net::SocketAddress> TunnelDriver::current_address(protocol::PeerId peer) {
  const auto endpoint = tunnel_.peer(peer).status(net::boot_now()).endpoint;
  return endpoint ? std::optional(endpoint->remote) : std::nullopt;
}

bool TunnelDriver::has_endpoint(const crypto::PublicKey& peer) const {
  const protocol::Peer* known = tunnel_.find_peer(peer);
  return known != nullptr && known->link().endpoint.get() != nullptr;
}

}  // namespace tunneld::daemon
