// Two tunnels with several workers each, over a network that keeps only the order of datagrams from one port:
// every inner flow arrives in order and whole, whatever happens to lanes.
#include <deque>

#include <gtest/gtest.h>

#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

/// A host with as many workers as it has lanes; its own port is 0 here, its lanes' ports 1, 2, …
struct Host {
  Host(std::mt19937_64& seed, std::size_t workers, std::string own_address, std::string own_inside)
      : random([&seed](MutableBytes out) {
          for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(seed());
        }),
        address(std::move(own_address)),
        inside(std::move(own_inside)),
        key(crypto::PrivateKey::generate()),
        plane(4, protocol::ThreadPlan(workers), random),
        tunnel(key.clone(), *engine, random, plane,
               {.fast_cipher = false, .capabilities = {.lanes = static_cast<unsigned>(workers)}}) {
    for (std::size_t i = 0; i < workers; ++i) {
      outbound.push_back(std::make_unique<protocol::Outbound>(plane, plane.threads.outbound(i)));
      inbound.push_back(
          std::make_unique<protocol::Inbound>(plane, plane.threads.inbound(i), net::Coalescer::Options{}));
    }
  }

  protocol::RandomBytes random;
  std::unique_ptr<crypto::AeadEngine> engine = make_engine();
  std::string address, inside;
  crypto::PrivateKey key;
  protocol::DataPlane plane;
  protocol::Tunnel tunnel;
  std::vector<std::unique_ptr<protocol::Outbound>> outbound;
  std::vector<std::unique_ptr<protocol::Inbound>> inbound;
  protocol::Actions actions;
  protocol::PeerId peer{};
  /// By flow: the numbers that arrived.
  std::map<std::uint64_t, std::vector<std::uint64_t>> arrived;
};

constexpr std::uint64_t kFlows = 8;

class LanesTest : public ::testing::Test {
 protected:
  void start(std::size_t workers_of_a, std::size_t workers_of_b) {
    a = std::make_unique<Host>(random, workers_of_a, "192.0.2.1", "10.0.0.1");
    b = std::make_unique<Host>(random, workers_of_b, "192.0.2.2", "10.0.0.2");
    for (auto [own, other] : {std::pair(a.get(), b.get()), std::pair(b.get(), a.get())}) {
      protocol::PeerOptions options;
      options.public_key = other->key.public_key();
      options.allowed_ips = {*net::IpPrefix::parse(other->inside)};
      options.endpoint = endpoint(other->address + ":1000");
      std::vector<protocol::PeerOptions> peers;
      peers.push_back(std::move(options));
      own->peer =
          own->tunnel.change_peers({.removed = {}, .allowed_ips = {}, .added = std::move(peers)}, now())
              .front();
    }
  }

  [[nodiscard]] Now now() const {
    return {Instant(clock), WallTime(clock + std::chrono::hours(24 * 365 * 50))};
  }

  /// `count` packets of one flow, read by its worker in one batch.
  void send(Host& from, Host& to, std::uint64_t flow, std::size_t count) {
    const std::size_t worker = flow % from.outbound.size();
    protocol::Outbound& outbound = *from.outbound[worker];
    outbound.begin(now().boot);
    for (std::size_t i = 0; i < count; ++i) {
      auto packet = inner_packet(from.inside, to.inside, flow << 32 | sent[{&from, flow}]++);
      ASSERT_TRUE(outbound.add({}, packet));
    }
    for (const protocol::SealedRun& run : outbound.finish()) {
      for (std::size_t at = 0; at < run.bytes.size(); at += run.segment_size) {
        const auto datagram = run.bytes.subspan(at, std::min(run.segment_size, run.bytes.size() - at));
        transmit(from, run.lane, datagram);
      }
    }
    turn(from);
  }

  void transmit(Host& from, unsigned lane, ByteView datagram) {
    if (lane != 0 && lanes_blocked) return;
    if (lane != 0) ++on_lanes;
    wire[{&from, lane}].emplace_back(datagram.begin(), datagram.end());
  }

  /// The control thread's turn.
  void turn(Host& host) {
    const auto handle = [&](const protocol::DoorRecord& notice, MutableBytes payload) {
      host.tunnel.handle(notice, payload, now(), host.actions);
    };
    for (const auto& door : host.plane.doors) {
      while (door->pop_peers(handle) || door->pop_strangers(handle)) {
      }
    }
    host.tunnel.advance(now(), host.actions);
    for (const auto& datagram : host.actions.datagrams())
      transmit(host, datagram.lane, host.actions.bytes(datagram));
    host.actions.clear();
  }

  /// Delivers up to `limit` datagrams, the next of a random port each time.
  void deliver(std::size_t limit) {
    for (; limit > 0; --limit) {
      std::vector<std::pair<Host*, unsigned>> waiting;
      for (const auto& [port, queue] : wire) {
        if (!queue.empty()) waiting.push_back(port);
      }
      if (waiting.empty()) return;
      const auto [from, lane] = waiting[random() % waiting.size()];
      std::vector<std::uint8_t> datagram = std::move(wire[{from, lane}].front());
      wire[{from, lane}].pop_front();
      Host& to = from == a.get() ? *b : *a;
      const std::size_t worker = lane == 0 ? main_worker % to.inbound.size() : (lane - 1) % to.inbound.size();
      const auto write = [&to](const net::VirtioNetHeader&, std::span<const iovec> parts) {
        const auto id = load_le<std::uint64_t>(static_cast<const std::uint8_t*>(parts[0].iov_base) + 28);
        to.arrived[id >> 32].push_back(id & 0xffffffff);
      };
      protocol::Inbound& inbound = *to.inbound[worker];
      inbound.begin(now().boot);
      if (record) seen.push_back({&to, worker, datagram});
      inbound.add({datagram, datagram.size(), 0, endpoint(from->address + ":" + std::to_string(1000 + lane))},
                  write);
      inbound.finish(write);
      if (!is_busy) turn(to);
    }
  }

  void everything_arrives() {
    for (int i = 0; i < 100; ++i) {
      deliver(1'000'000);
      clock += 100ms;
      turn(*a);
      turn(*b);
    }
  }

  /// The session is up, and every worker has sent much.
  void open_all_lanes() {
    for (int i = 0; i < 3; ++i) {
      for (std::uint64_t flow = 0; flow < kFlows; ++flow) send(*a, *b, flow, 20);
      everything_arrives();
    }
    b->arrived.clear();
    sent.clear();
    on_lanes = 0;
  }

  [[nodiscard]] unsigned open_lanes(Host& host) {
    return host.tunnel.peer(host.peer).status(now().boot).lanes;
  }

  void expect_whole(Host& from, Host& to, bool in_order) {
    for (auto& [flow, numbers] : to.arrived) {
      EXPECT_EQ(numbers.size(), sent[std::pair(&from, flow)]) << "flow " << flow;
      if (in_order) {
        EXPECT_TRUE(std::ranges::is_sorted(numbers)) << "flow " << flow;
      }
      std::ranges::sort(numbers);
      EXPECT_TRUE(std::ranges::adjacent_find(numbers) == numbers.end()) << "flow " << flow;
    }
  }

  std::mt19937_64 random{7};
  Duration clock = 1000s;
  std::unique_ptr<Host> a, b;
  std::map<std::pair<Host*, unsigned>, std::deque<std::vector<std::uint8_t>>> wire;
  std::map<std::pair<Host*, std::uint64_t>, std::uint64_t> sent;
  std::size_t main_worker = 2;
  std::size_t on_lanes = 0;
  bool lanes_blocked = false;
  bool record = false;
  /// Control threads have no turn when something arrives.
  bool is_busy = false;
  struct Seen {
    Host* at;
    std::size_t worker;
    std::vector<std::uint8_t> datagram;
  };
  std::vector<Seen> seen;
};

TEST_F(LanesTest, EveryFlowArrivesInOrderAndWhole) {
  start(4, 4);
  open_all_lanes();
  ASSERT_EQ(open_lanes(*a), 4U);
  for (int round = 0; round < 400; ++round) {
    send(*a, *b, random() % kFlows, 1 + random() % 40);
    deliver(random() % 60);
  }
  everything_arrives();
  EXPECT_GT(on_lanes, 5000U);
  EXPECT_EQ(b->arrived.size(), kFlows);
  expect_whole(*a, *b, true);
}

TEST_F(LanesTest, UnequalNumbersOfWorkersShareTheSmaller) {
  for (const auto& [of_a, of_b, lanes] :
       {std::tuple(4U, 2U, 2U), std::tuple(2U, 4U, 2U), std::tuple(4U, 1U, 0U)}) {
    wire.clear();
    sent.clear();
    start(of_a, of_b);
    open_all_lanes();
    EXPECT_EQ(open_lanes(*a), lanes);
    for (int round = 0; round < 100; ++round) {
      send(*a, *b, random() % kFlows, 1 + random() % 40);
      deliver(random() % 60);
    }
    everything_arrives();
    expect_whole(*a, *b, true);
  }
}

TEST_F(LanesTest, NothingIsLostWhileLanesOpen) {
  start(4, 4);
  for (int round = 0; round < 400; ++round) {
    send(*a, *b, random() % kFlows, 1 + random() % 40);
    deliver(random() % 60);
  }
  everything_arrives();
  EXPECT_EQ(open_lanes(*a), 4U);
  // A flow may overtake itself once, when its lane opens.
  expect_whole(*a, *b, false);
}

TEST_F(LanesTest, ANewAddressClosesThemAndNothingIsLost) {
  start(4, 4);
  open_all_lanes();
  for (int round = 0; round < 200; ++round) {
    if (round % 50 == 25) {
      // b has moved, as a hears from b itself.
      b->address = "192.0.2." + std::to_string(10 + round);
      send(*b, *a, 1, 1);
      deliver(1'000'000);
      EXPECT_EQ(open_lanes(*a), 0U);
    }
    send(*a, *b, random() % kFlows, 1 + random() % 40);
    deliver(random() % 60);
  }
  everything_arrives();
  EXPECT_EQ(open_lanes(*a), 4U);
  expect_whole(*a, *b, false);
}

TEST_F(LanesTest, TheyOpenAgainAfterAPeerThatWasElsewhereForAMoment) {
  start(4, 4);
  open_all_lanes();
  is_busy = true;  // both moves are one piece of news
  for (const std::string& address : {std::string("192.0.2.50"), b->address}) {
    b->address = address;
    send(*b, *a, 1, 1);
    deliver(1'000'000);
  }
  is_busy = false;
  EXPECT_EQ(open_lanes(*a), 0U);
  open_all_lanes();
  EXPECT_EQ(open_lanes(*a), 4U);
}

TEST_F(LanesTest, WhereTheirPortsAreBlockedAllStaysOnTheFirst) {
  start(4, 4);
  lanes_blocked = true;
  open_all_lanes();
  EXPECT_EQ(open_lanes(*a), 0U);
  for (int round = 0; round < 100; ++round) {
    send(*a, *b, random() % kFlows, 1 + random() % 40);
    deliver(random() % 60);
  }
  everything_arrives();
  EXPECT_EQ(on_lanes, 0U);
  expect_whole(*a, *b, true);
}

TEST_F(LanesTest, LanesDoNotMoveTheEndpoint) {
  start(4, 4);
  open_all_lanes();
  for (std::uint64_t flow = 0; flow < kFlows; ++flow) send(*a, *b, flow, 20);
  deliver(1'000'000);
  EXPECT_GT(on_lanes, 0U);
  EXPECT_EQ(b->tunnel.peer(b->peer).status(now().boot).endpoint->remote.port, 1000);
}

TEST_F(LanesTest, APeerThatDoesNotKnowThatItHasMovedIsFollowedWithinASecond) {
  start(4, 4);
  open_all_lanes();
  a->address = "192.0.2.77";  // a NAT on the way has forgotten it
  for (int i = 0; i < 12; ++i) {
    for (std::uint64_t flow = 0; flow < kFlows; ++flow) send(*a, *b, flow, 20);
    deliver(1'000'000);
    clock += 100ms;
    turn(*a);
  }
  deliver(1'000'000);
  EXPECT_EQ(b->tunnel.peer(b->peer).status(now().boot).endpoint->remote.to_string(), "192.0.2.77:1000");
  expect_whole(*a, *b, true);
}

TEST_F(LanesTest, ARecordedMessageIsRefusedOnEveryWorker) {
  start(4, 4);
  open_all_lanes();
  record = true;
  for (std::uint64_t flow = 0; flow < kFlows; ++flow) send(*a, *b, flow, 20);
  everything_arrives();
  expect_whole(*a, *b, true);
  const auto before = b->arrived;
  for (Seen& message : seen) {
    if (message.at != b.get()) continue;
    for (auto& inbound : b->inbound) {
      auto copy = message.datagram;
      const auto write = [](const net::VirtioNetHeader&, std::span<const iovec>) {
        FAIL() << "a replay got through";
      };
      inbound->begin(now().boot);
      inbound->add({copy, copy.size(), 0, endpoint("192.0.2.1:1000")}, write);
      inbound->finish(write);
      // Another lane number does not make it fresh: the number is authenticated.
      copy = message.datagram;
      copy[15] = static_cast<std::uint8_t>((copy[15] & 0x0f) | ((copy[15] >> 4) % 4 + 1) << 4);
      inbound->begin(now().boot);
      inbound->add({copy, copy.size(), 0, endpoint("192.0.2.1:1000")}, write);
      inbound->finish(write);
    }
  }
  EXPECT_EQ(b->arrived, before);
}

}  // namespace
}  // namespace tunneld::simulation
