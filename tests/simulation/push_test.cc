// A server and its clients, with their tunnels, over a network that loses and doubles: what each has in the
// end, and at every step.
#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "daemon/push/client_push.h"
#include "daemon/push/server_push.h"
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

using daemon::PushFrames;

protocol::TunnelOptions options(bool is_server) {
  protocol::TunnelOptions all = kWireGuardCipher;
  all.capabilities.config = is_server;
  return all;
}

/// A node with one side of a push, connected as the daemon's edge does it.
template <typename Side>
struct Pushing {
  Pushing(Network& network, const std::string& outside, const std::string& inside, bool is_server)
      : node(network, outside, inside, options(is_server)) {}

  void send(const PushFrames& frames) {
    for (const daemon::PushFrame& each : frames) {
      ++sent;
      protocol::Actions actions;
      if (!node.tunnel->peer(each.to).send_frame(each.frame, node.network.now(), actions)) continue;
      for (const auto& datagram : actions.datagrams())
        node.network.transmit(node, datagram.to, actions.bytes(datagram));
    }
  }
  daemon::PushPeer peer(protocol::PeerId id) { return {id, node.tunnel->peer(id).options().public_key}; }

  Node node;
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
        config, *node.tunnel,
        daemon::ServerPush::Host{.save =
                                     [this](const auto& leases) {
                                       if (disk_is_full) throw std::runtime_error("full");
                                       disk.clear();
                                       for (const auto& [key, lease] : leases) disk.push_back(lease);
                                     },
                                 .set_rules = [] {},
                                 .update_peer = [](const config::PeerConfig&) {}},
        disk, node.network.now());
  }
  void step() {
    PushFrames out;
    const Now now = node.network.now();
    for (const auto& event : std::exchange(node.events, {})) side->on_event(peer(event.peer), event);
    for (const auto& frame : std::exchange(node.frames, {}))
      side->on_frame(peer(frame.peer), frame.frame, now, out);
    if (side->deadline() <= now.boot) side->on_timer(now, out);
    send(out);
  }

  std::vector<daemon::Lease> disk;
  bool disk_is_full = false;
};

struct Client : Pushing<daemon::ClientPush> {
  Client(Network& network, int number)
      : Pushing(network, "192.0.2.1" + std::to_string(number) + ":1", "10.9.0." + std::to_string(number),
                false) {
    config.client.emplace();
  }
  void start() {
    side = std::make_unique<daemon::ClientPush>(
        config, *node.tunnel,
        daemon::ClientPush::Host{.networks = [] { return daemon::HostNetworks(); },
                                 .apply =
                                     [this] {
                                       if (refuses) throw std::runtime_error("the host refuses");
                                     }},
        node.network.now().boot);
  }
  void step() {
    PushFrames out;
    const Instant now = node.network.now().boot;
    for (const auto& event : std::exchange(node.events, {}))
      side->on_event(peer(event.peer), event, now, out);
    for (const auto& frame : std::exchange(node.frames, {}))
      side->on_frame(peer(frame.peer), frame.frame, now, out);
    if (side->deadline() <= now) side->on_timer(now, out);
    send(out);
  }

  bool refuses = false;
};

struct Office {
  Office(std::uint64_t seed, int count) : network(seed), server(network) {
    for (int i = 1; i <= count; ++i) {
      auto& client = *clients.emplace_back(std::make_unique<Client>(network, i));
      server.node.add_peer(client.node, false);
      client.node.add_peer(server.node, true, 25s);
      server.config.peers.push_back(named("client" + std::to_string(i), client.node));
      client.config.peers.push_back(named("server", server.node));
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
  void run_for(Duration time, Duration step = 500ms) {
    const Duration end = network.clock + time;
    while (network.clock < end) {
      network.run_for(step);
      server.step();
      for (const auto& client : clients) client->step();
      std::set<net::IpAddress> owned;
      for (const auto& [key, lease] : server.side->pool().leases()) {
        for (const net::IpAddress& each : lease.addresses)
          ASSERT_TRUE(owned.insert(each).second) << "two clients with " << each.to_string();
      }
    }
  }
  void push_route(const char* route) {
    const Now now = network.now();
    server.config.server->value.push.routes.emplace();
    server.config.server->value.push.routes->push_back({*net::IpPrefix::parse(route), {}});
    server.side->reconfigure(now);
    PushFrames out;
    server.side->push_changes(now, out);
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

TEST(Push, ReachesEveryClientOverALossyNetwork) {
  Office office(1, 4);
  office.network.loss = 0.2;
  office.network.duplicate = 0.1;
  office.run_for(10min);
  std::set<net::IpAddress> used;
  for (const auto& client : office.clients) {
    ASSERT_EQ(client->side->accepted().addresses.size(), 1U);
    EXPECT_TRUE(used.insert(client->side->accepted().addresses[0]).second);
  }
  for (const char* route : {"192.168.1.0/24", "192.168.2.0/24", "192.168.3.0/24"}) {
    office.push_route(route);
    office.run_for(10min);
    for (const auto& client : office.clients) EXPECT_TRUE(Office::has(*client, route)) << route;
  }
  EXPECT_EQ(office.network.violation, "");
}

TEST(Push, LeasesReadFromDiskAreTheSameAddresses) {
  Office office(2, 3);
  office.run_for(2min);
  std::vector<net::IpAddress> before;
  for (const auto& client : office.clients) before.push_back(client->side->accepted().addresses.at(0));
  office.server.side->stop(office.network.now());
  office.server.start();
  office.run_for(10min);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(office.clients[i]->side->accepted().addresses.at(0), before[i]);
    const daemon::Lease* lease = office.server.side->pool().find(office.clients[i]->node.key.public_key());
    ASSERT_NE(lease, nullptr);
    EXPECT_EQ(lease->addresses, std::vector{before[i]});
  }
}

TEST(Push, WithoutALeaseOnDiskNoAddressIsGiven) {
  Office office(3, 1);
  office.server.disk_is_full = true;
  office.run_for(5min);
  EXPECT_TRUE(office.clients[0]->side->accepted().addresses.empty());
  office.server.disk_is_full = false;
  office.run_for(3min);
  EXPECT_EQ(office.clients[0]->side->accepted().addresses.size(), 1U);
}

TEST(Push, AHostThatRefusesMakesNoStormOfFrames) {
  Office office(4, 1);
  office.clients[0]->refuses = true;
  office.run_for(5min);
  const std::size_t before = office.server.sent + office.clients[0]->sent;
  office.run_for(1h, 1s);
  EXPECT_TRUE(office.clients[0]->side->accepted().addresses.empty());
  // A session each two minutes asks anew; each question has five answers at most.
  EXPECT_LE(office.server.sent + office.clients[0]->sent - before, 1500U);
}

TEST(Push, AnExpiredLeaseIsFreeForWhoeverFoundThePoolUsedUp) {
  Office office(5, 6);  // five addresses
  const auto with_address = [&office] {
    return std::ranges::count_if(office.clients,
                                 [](const auto& each) { return !each->side->accepted().addresses.empty(); });
  };
  office.run_for(5min, 1s);
  ASSERT_EQ(with_address(), 5);
  const auto waiting = std::ranges::find_if(
      office.clients, [](const auto& each) { return each->side->accepted().addresses.empty(); });
  const auto leaver = waiting == office.clients.begin() ? office.clients.end() - 1 : office.clients.begin();
  const Node* const gone = &(*leaver)->node;
  office.network.on_wire = [gone](const Node& from, ByteView) { return &from != gone; };
  office.run_for(23h, 5s);
  EXPECT_TRUE((*waiting)->side->accepted().addresses.empty()) << "the lease is not over";
  office.run_for(2h, 5s);
  EXPECT_EQ((*waiting)->side->accepted().addresses.size(), 1U);
  EXPECT_TRUE((*leaver)->side->accepted().addresses.empty()) << "its term is over as well";
}

TEST(Push, OnlyItsServerConfiguresAClient) {
  Office office(6, 2);
  office.run_for(1min);
  Client& client = *office.clients[0];
  const daemon::AcceptedConfig before = client.side->accepted();
  PushFrames out;
  // A key that is not in its configuration, and a body that makes no sense.
  const daemon::PushPeer stranger{0, office.clients[1]->node.key.public_key()};
  const Instant now = office.network.now().boot;
  client.side->on_frame(stranger, {protocol::FrameType::kConfig, {{"serial", 99}}}, now, out);
  client.side->on_frame(client.peer(0), {protocol::FrameType::kConfig, {{"serial", "x"}}}, now, out);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(client.side->accepted(), before);

  office.server.side->on_frame({7, stranger.key}, protocol::config_ack(12345), office.network.now(), out);
  EXPECT_TRUE(out.empty());
}

}  // namespace
}  // namespace tunneld::simulation
