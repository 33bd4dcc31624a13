// A server and its clients, with their tunnels, over a network that loses and duplicates: checks what each
// has at every step and in the end.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "daemon/push/client_push.h"
#include "daemon/push/server_push.h"
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {

using daemon::PushFrames;

inline protocol::TunnelOptions push_options(bool is_server) {
  protocol::TunnelOptions all = kWireGuardCipher;
  all.capabilities.config = is_server;
  return all;
}

/// A node with one side of a push, connected as the daemon's edge does it.
template <typename Side>
struct Pushing {
  Pushing(Network& network, const std::string& outside, const std::string& inside, bool is_server)
      : node(std::make_unique<Node>(network, outside, inside, push_options(is_server))) {}

  void send(const PushFrames& frames) {
    for (const daemon::PushFrame& each : frames) {
      ++sent;
      protocol::Actions actions;
      if (!node->tunnel->change(each.to)->send_frame(each.frame, node->network.now(), actions)) continue;
      for (const auto& datagram : actions.datagrams())
        node->network.transmit(*node, datagram.to, actions.bytes(datagram));
    }
  }
  daemon::PushPeer peer(protocol::PeerId id) { return {id, node->tunnel->peer(id).options().public_key}; }

  std::unique_ptr<Node> node;
  config::Config config;
  std::unique_ptr<Side> side;
  std::size_t sent = 0;
};

struct Server : Pushing<daemon::ServerPush> {
  explicit Server(Network& network) : Pushing(network, "192.0.2.1:1", "10.8.0.1", true) {
    config.server.emplace();
    config.server->value.pool.push_back({*net::IpPrefix::parse("10.8.0.0/29"), {}});
    config.server->value.lease_time = std::chrono::hours(24);
    config.interface.addresses.push_back({{address("10.8.0.1"), 29}, {}});
  }
  void start() {
    side = std::make_unique<daemon::ServerPush>(
        std::make_shared<const config::Config>(config), *node->tunnel,
        daemon::ServerPush::Host{.save =
                                     [this](const auto& leases) {
                                       if (disk_is_full) throw std::runtime_error("full");
                                       disk.clear();
                                       for (const auto& [key, lease] : leases) disk.push_back(lease);
                                     },
                                 .take =
                                     [this](const auto& leases) {
                                       if (host_refuses) throw std::runtime_error("no rules");
                                       taken = addresses_of(leases);
                                       ++takes;
                                       // A lease that only the tunnel knows would be somebody else's after a
                                       // restart.
                                       daemon::Leases saved;
                                       for (const daemon::Lease& lease : disk) saved[lease.key] = lease;
                                       EXPECT_EQ(addresses_of(saved), taken);
                                     }},
        disk, node->network.now());
    taken = addresses_of(side->pool().leases());
  }
  static std::map<crypto::PublicKey, std::vector<net::IpAddress>> addresses_of(const daemon::Leases& leases) {
    std::map<crypto::PublicKey, std::vector<net::IpAddress>> addresses;
    for (const auto& [key, lease] : leases) addresses[key] = lease.addresses;
    return addresses;
  }
  void step() {
    PushFrames out;
    const Now now = node->network.now();
    for (const auto& event : std::exchange(node->events, {})) side->on_event(peer(event.peer), event);
    for (const auto& frame : std::exchange(node->frames, {}))
      side->on_frame(peer(frame.peer), frame.frame, now, out);
    if (side->deadline() <= now.boot) side->on_timer(now, out);
    send(out);
  }

  std::vector<daemon::Lease> disk;
  bool disk_is_full = false;
  bool host_refuses = false;
  /// As applied to host and tunnel.
  std::map<crypto::PublicKey, std::vector<net::IpAddress>> taken;
  std::size_t takes = 0;
};

struct Client : Pushing<daemon::ClientPush> {
  Client(Network& network, int number)
      : Pushing(network, "192.0.2.1" + std::to_string(number) + ":1", "10.9.0." + std::to_string(number),
                false) {
    config.client.emplace();
  }
  void start() {
    using Refusal = daemon::ClientPush::Refusal;
    side = std::make_unique<daemon::ClientPush>(
        std::make_shared<const config::Config>(config), *node->tunnel,
        daemon::ClientPush::Host{
            .networks = [this] { return around; },
            .apply = [this](const daemon::AcceptedConfig& accepted) -> std::optional<Refusal> {
              if (refuses) return Refusal{std::nullopt, "the host refuses"};
              if (refused_route &&
                  std::ranges::find(accepted.routes, *refused_route) != accepted.routes.end())
                return Refusal{daemon::RouteAdded{.interface = {"tun0"}, .destination = *refused_route},
                               "File exists"};
              applied = accepted;
              return std::nullopt;
            }},
        node->network.now().boot);
  }
  void step() {
    PushFrames out;
    const Instant now = node->network.now().boot;
    for (const auto& event : std::exchange(node->events, {}))
      side->on_event(peer(event.peer), event, now, out);
    for (const auto& frame : std::exchange(node->frames, {}))
      side->on_frame(peer(frame.peer), frame.frame, now, out);
    if (side->deadline() <= now) side->on_timer(now, out);
    send(out);
  }

  bool refuses = false;
  std::optional<net::IpPrefix> refused_route;
  daemon::HostNetworks around;
  /// As applied to the host.
  daemon::AcceptedConfig applied;
};

struct Office {
  Office(std::uint64_t seed, int count) : network(seed), server(network) {
    for (int i = 1; i <= count; ++i) {
      auto& client = *clients.emplace_back(std::make_unique<Client>(network, i));
      server.node->add_peer(*client.node, false);
      client.node->add_peer(*server.node, true, 25s);
      server.config.peers.push_back(named("client" + std::to_string(i), *client.node));
      client.config.peers.push_back(named("server", *server.node));
      client.start();
    }
    server.start();
  }
  static config::PeerConfig named(const std::string& name, const Node& node) {
    config::PeerConfig peer;
    peer.name.value = name;
    peer.public_key.value = node.key.public_key();
    return peer;
  }
  /// The second client is a peer of the first one's, too, and calls it. In the file, both its peers have
  /// endpoints.
  Client& first_with_two_peers() {
    Client& first = *clients[0];
    const Node& second = *clients[1]->node;
    first.node->add_peer(second, false);
    clients[1]->node->add_peer(*first.node, true, 25s);
    first.config.peers.push_back(named("other", second));
    for (config::PeerConfig& peer : first.config.peers) peer.endpoints = {{{"192.0.2.99", 1}, {}}};
    first.start();
    return first;
  }
  /// What the client does with a valid CONFIG of this peer's.
  std::string answer_to_config_of(Client& client, protocol::PeerId peer) {
    EXPECT_TRUE(client.node->tunnel->peer(peer).remote()) << "no session: nothing is tested";
    protocol::ConfigMessage message;
    message.serial = 99;
    message.addresses = {address("10.7.7.7")};
    message.lifetime = 60;
    PushFrames out;
    client.side->on_frame(client.peer(peer), message.to_frame(), network.now().boot, out);
    EXPECT_TRUE(out.empty());
    return client.side->status()["refused"].dump();
  }
  void run_for(Duration time, Duration step = 500ms) {
    const Duration end = network.clock + time;
    while (network.clock < end) {
      network.run_for(step);
      server.step();
      ASSERT_EQ(server.taken, Server::addresses_of(server.side->pool().leases()));
      for (const auto& client : clients) {
        client->step();
        if (client->refuses) continue;
        ASSERT_EQ(client->applied, client->side->accepted());
      }
      std::set<net::IpAddress> owned;
      for (const auto& [key, lease] : server.side->pool().leases()) {
        for (const net::IpAddress& each : lease.addresses)
          ASSERT_TRUE(owned.insert(each).second) << "two clients with " << each.to_string();
      }
    }
  }
  /// A power failure: session and tunnel are lost, files are not.
  void restart_server() {
    server.side.reset();
    server.node = restarted(std::move(server.node), true);
    for (const auto& client : clients) server.node->add_peer(*client->node, false);
    server.start();
  }
  void restart_client(std::size_t i) {
    Client& client = *clients[i];
    client.side.reset();
    client.node = restarted(std::move(client.node), false);
    client.applied = {};
    client.node->add_peer(*server.node, true, 25s);
    client.start();
  }
  std::unique_ptr<Node> restarted(std::unique_ptr<Node> node, bool is_server) {
    crypto::PrivateKey key = node->key.clone();
    const std::string outside = node->outside;
    const std::string inside = node->inside;
    node.reset();
    return std::make_unique<Node>(network, outside, inside, push_options(is_server), std::move(key));
  }
  void push_route(const char* route) {
    const Now now = network.now();
    server.config.server->value.push.routes.emplace();
    server.config.server->value.push.routes->push_back({*net::IpPrefix::parse(route), {}});
    PushFrames out;
    daemon::AddressPool pool = server.side->pool_for(server.config);
    server.taken = Server::addresses_of(pool.leases());  // as a reload does first
    server.side->reconfigured(std::make_shared<const config::Config>(server.config), std::move(pool), now,
                              out);
    server.send(out);
  }
  static bool has(const Client& client, const char* route) {
    const auto& routes = client.side->accepted().routes;
    return std::ranges::find(routes, *net::IpPrefix::parse(route)) != routes.end();
  }

  Network network;
  Server server;
  std::vector<std::unique_ptr<Client>> clients;
};

}  // namespace tunneld::simulation
