// Whole tunnels on a virtual clock: the daemon's protocol code with a seeded network in place of sockets and
// devices.
//
// Nodes have addresses; datagrams between them are delayed, lost and doubled as told. run_until() goes from
// event to event (a datagram arrives, a deadline comes), so that a day passes in seconds. After every
// datagram on the wire the invariants of the protocol are checked; the first one broken is kept in
// `violation`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/crypto/aead_libsodium.h"
#include "common/net/checksum.h"
#include "common/protocol/constants.h"
#include "common/protocol/inbound.h"
#include "common/protocol/outbound.h"
#include "common/protocol/tunnel.h"

namespace tunneld::simulation {

using namespace std::chrono_literals;
using protocol::MessageType;

/// libsodium looks at the CPU only once it is initialised.
inline std::unique_ptr<crypto::AeadEngine> make_engine() {
  crypto::init();
  return crypto::make_libsodium_engine();
}

inline net::IpAddress address(const std::string& text) {
  return *net::IpAddress::parse(text);
}
inline net::Endpoint endpoint(const std::string& text) {
  return {.remote = *net::SocketAddress::parse(text), .local = std::nullopt, .local_interface = 0};
}

/// A minimal IPv4/UDP packet whose payload is `id`.
inline std::vector<std::uint8_t> inner_packet(const std::string& from, const std::string& to,
                                              std::uint64_t id) {
  std::vector<std::uint8_t> packet(36);
  packet[0] = 0x45;
  store_be16(&packet[2], 36);
  packet[8] = 64;
  packet[9] = net::kProtocolUdp;
  std::memcpy(&packet[12], address(from).bytes().data(), 4);
  std::memcpy(&packet[16], address(to).bytes().data(), 4);
  store_be16(&packet[24], 16);
  store_le(&packet[28], id);
  net::set_ipv4_checksum(packet.data(), 20);
  return packet;
}

/// Nodes that speak plain WireGuard, unless told otherwise.
inline constexpr protocol::TunnelOptions kStock{
    .extension = false, .fast_cipher = false, .capabilities = {}, .path = {}};
inline constexpr protocol::TunnelOptions kWireGuardCipher{
    .extension = true, .fast_cipher = false, .capabilities = {}, .path = {}};
inline constexpr protocol::TunnelOptions kFast{
    .extension = true, .fast_cipher = true, .capabilities = {}, .path = {}};

class Network;

class Node {
 public:
  /// `before`: the key that it had before a restart; nullopt: a new one.
  Node(Network& network, std::string socket_address, std::string inside,
       protocol::TunnelOptions options = kStock, std::optional<crypto::PrivateKey> before = std::nullopt);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  protocol::PeerId add_peer(const Node& other, bool with_endpoint, Duration keepalive = Duration::zero());
  /// An inner packet to the inside address of `to`.
  void send(const Node& to, std::uint64_t id);
  /// Everything that the daemon's control thread would do now.
  void turn();
  void receive(std::vector<std::uint8_t> datagram, const net::Endpoint& from);

  Network& network;
  std::string outside;
  std::string inside;
  crypto::PrivateKey key;
  std::unique_ptr<crypto::AeadEngine> engine = make_engine();
  protocol::DataPlane plane;
  std::unique_ptr<protocol::Tunnel> tunnel;
  protocol::Outbound outbound;
  protocol::Inbound inbound;
  protocol::Actions actions;
  std::vector<std::uint64_t> delivered;
  /// Receives what comes out of the tunnel, in parts.
  std::function<void(std::span<const iovec>)> on_packet;
  /// For a tap: receives frames from peers to other peers.
  std::function<void(const protocol::ForwardedFrame&)> on_forward;
  std::vector<protocol::Event> events;
  std::vector<protocol::Actions::Frame> frames;

  template <typename Kind>
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(events, [](const protocol::Event& event) { return event.is<Kind>(); }));
  }

 private:
  void carry_out();
};

class Network {
 public:
  explicit Network(std::uint64_t seed) : random(seed) {}

  [[nodiscard]] Now now() const {
    return {Instant(clock), WallTime(clock + std::chrono::hours(24 * 365 * 50) + wall_set_by)};
  }
  protocol::RandomBytes random_bytes() {
    return [this](MutableBytes out) {
      for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random());
    };
  }

  void transmit(const Node& from, const net::Endpoint& to, ByteView datagram) {
    observe(from, datagram);
    if (on_datagram_to) on_datagram_to(from, to, datagram);
    if (on_wire && !on_wire(from, datagram)) return;
    const int copies = chance(duplicate) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      if (chance(loss)) continue;
      const Duration delay =
          latency + Duration(std::uniform_int_distribution<std::int64_t>(0, jitter.count())(random));
      in_flight.push({clock + delay,
                      sequence++,
                      to.remote.to_string(),
                      endpoint(from.outside),
                      {datagram.begin(), datagram.end()}});
    }
  }

  void run_until(Duration end) {
    for (;;) {
      Duration next = end;
      if (!in_flight.empty()) next = std::min(next, in_flight.top().at);
      for (Node* node : nodes) {
        const Instant deadline = node->tunnel->next_deadline();
        if (deadline != kNever) next = std::min(next, std::max(deadline.time_since_epoch(), clock));
      }
      clock = std::max(clock, next);
      if (clock >= end) return;
      if (!in_flight.empty() && in_flight.top().at <= clock) {
        const Flight flight = in_flight.top();
        in_flight.pop();
        for (Node* node : nodes) {
          if (node->outside == flight.to) node->receive(flight.datagram, flight.from);
        }
      }
      for (Node* node : nodes) node->turn();
    }
  }
  void run_for(Duration time) { run_until(clock + time); }

  bool chance(double probability) {
    return probability > 0 && std::uniform_real_distribution<>(0, 1)(random) < probability;
  }

  // How the network behaves.
  double loss = 0, duplicate = 0;
  Duration latency = 20ms, jitter = 0ms;
  /// Sees every datagram; false swallows it.
  std::function<bool(const Node&, ByteView)> on_wire;
  /// Sees where every datagram goes.
  std::function<void(const Node&, const net::Endpoint&, ByteView)> on_datagram_to;

  Duration clock = 1000s;
  /// How far the hosts' clocks have been set forward or back.
  Duration wall_set_by{};
  std::mt19937_64 random;
  std::vector<Node*> nodes;
  std::string violation;
  std::uint64_t data_messages = 0, handshakes = 0, datagrams = 0;
  Duration last_datagram{};

 private:
  struct Flight {
    Duration at;
    std::uint64_t order;
    std::string to;
    net::Endpoint from;
    std::vector<std::uint8_t> datagram;
    bool operator<(const Flight& other) const {
      return std::tie(at, order) > std::tie(other.at, other.order);  // earliest on top
    }
  };

  void violated(const std::string& what) {
    if (violation.empty()) violation = what + " at " + std::to_string(clock.count() / 1000000) + " ms";
  }

  /// The invariants: no nonce twice, no key beyond its life, initiations 5 s apart.
  void observe(const Node& from, ByteView datagram) {
    ++datagrams;
    last_datagram = clock;
    switch (protocol::classify(datagram)) {
      case MessageType::kInitiation: {
        ++handshakes;
        index_born[protocol::InitiationMessage::from(datagram).sender()] = clock;
        const auto last = last_initiation.find(&from);
        if (last != last_initiation.end() && clock - last->second < protocol::kRekeyTimeout) {
          violated("two initiations within 5 s");
        }
        last_initiation[&from] = clock;
        break;
      }
      case MessageType::kResponse:
        index_born[protocol::ResponseMessage::from(datagram).sender()] = clock;
        break;
      case MessageType::kData:
      case MessageType::kFastData: {
        ++data_messages;
        const auto header = protocol::DataHeader::from(datagram);
        auto& used = counters[header.receiver()];
        if (used.second && header.counter() <= used.first) violated("a nonce was used twice");
        used = {header.counter(), true};
        // The key is younger than the handshake message that named its index by at most one network delay.
        if (clock - index_born[header.receiver()] > protocol::kRejectAfterTime + latency + jitter) {
          violated("data under an expired key");
        }
        break;
      }
      default:
        break;
    }
  }

  std::priority_queue<Flight> in_flight;
  std::uint64_t sequence = 0;
  std::map<const Node*, Duration> last_initiation;  // each node of these tests has one peer that it calls
  std::map<std::uint32_t, Duration> index_born;
  std::map<std::uint32_t, std::pair<std::uint64_t, bool>> counters;
};

inline crypto::PrivateKey seeded_key(Network& network) {
  std::array<std::uint8_t, 32> bytes{};
  network.random_bytes()(bytes);
  return crypto::PrivateKey::from_bytes(bytes);
}

inline Node::Node(Network& net, std::string socket_address, std::string inside_address,
                  protocol::TunnelOptions options, std::optional<crypto::PrivateKey> before)
    : network(net),
      outside(std::move(socket_address)),
      inside(std::move(inside_address)),
      key(before ? std::move(*before) : seeded_key(net)),
      plane(16, protocol::ThreadPlan(1), net.random_bytes()),
      tunnel(std::make_unique<protocol::Tunnel>(key.clone(), *engine, net.random_bytes(), plane, options)),
      outbound(plane, plane.threads.outbound(0)),
      inbound(plane, plane.threads.inbound(0), {}) {
  net.nodes.push_back(this);
}

inline Node::~Node() {
  std::erase(network.nodes, this);
}

inline protocol::PeerId Node::add_peer(const Node& other, bool with_endpoint, Duration keepalive) {
  protocol::PeerOptions options;
  options.public_key = other.key.public_key();
  options.allowed_ips = {*net::IpPrefix::parse(other.inside)};
  if (with_endpoint) options.endpoint = endpoint(other.outside);
  options.awaits_endpoint = true;
  options.persistent_keepalive = keepalive;
  std::vector<protocol::PeerOptions> peers;
  peers.push_back(std::move(options));
  return tunnel->change_peers({.removed = {}, .allowed_ips = {}, .added = std::move(peers)}, network.now())
      .front();
}

inline void Node::send(const Node& to, std::uint64_t id) {
  auto packet = inner_packet(inside, to.inside, id);
  outbound.begin(network.now().boot);
  ASSERT_TRUE(outbound.add({}, packet));
  for (const protocol::SealedRun& run : outbound.finish()) {
    for (std::size_t at = 0; at < run.bytes.size(); at += run.segment_size) {
      network.transmit(*this, *run.endpoint,
                       run.bytes.subspan(at, std::min(run.segment_size, run.bytes.size() - at)));
    }
  }
  turn();
}

inline void Node::receive(std::vector<std::uint8_t> datagram, const net::Endpoint& from) {
  const auto write = [this](const net::VirtioNetHeader&, std::span<const iovec> parts) {
    if (on_packet) return on_packet(parts);
    delivered.push_back(load_le<std::uint64_t>(static_cast<const std::uint8_t*>(parts[0].iov_base) + 28));
  };
  inbound.begin(network.now().boot);
  const auto forward = [this](const protocol::ForwardedFrame& frame) {
    if (on_forward) on_forward(frame);
  };
  if (!datagram.empty()) inbound.add({datagram, datagram.size(), 0, from}, write, forward);
  inbound.finish(write);
}

inline void Node::turn() {
  const auto handle = [this](const protocol::DoorRecord& record, MutableBytes payload) {
    tunnel->handle(record, payload, network.now(), actions);
  };
  for (const auto& door : plane.doors) {
    while (door->pop_peers(handle) || door->pop_strangers(handle)) carry_out();
  }
  tunnel->advance(network.now(), actions);
  carry_out();
}

inline void Node::carry_out() {
  for (const auto& datagram : actions.datagrams())
    network.transmit(*this, datagram.to, actions.bytes(datagram));
  events.insert(events.end(), actions.events().begin(), actions.events().end());
  frames.insert(frames.end(), actions.frames().begin(), actions.frames().end());
  actions.clear();
}

/// Two nodes that know each other; `a` knows where `b` is.
struct Pair {
  explicit Pair(std::uint64_t seed)
      : network(seed), a(network, "192.0.2.1:1111", "10.0.0.1"), b(network, "192.0.2.2:2222", "10.0.0.2") {
    b_at_a = a.add_peer(b, true);
    a_at_b = b.add_peer(a, false);
  }
  Network network;
  Node a, b;
  protocol::PeerId b_at_a{}, a_at_b{};
};

}  // namespace tunneld::simulation
