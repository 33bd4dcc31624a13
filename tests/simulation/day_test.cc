// A day in the life of a tunnel, in seconds: 720 rekeys over a network that loses a tenth of everything.
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

TEST(Day, TenthLostAndNoInvariantBroken) {
  Pair pair(20261123);
  Network& network = pair.network;
  network.loss = 0.10;
  network.duplicate = 0.01;
  network.jitter = 30ms;
  const Duration end = network.clock + 24h;
  std::uint64_t id = 0;
  std::set<std::uint64_t> sent;

  while (network.clock < end) {
    // Half an hour of traffic, a packet a second or so in either direction, then some minutes of silence.
    const Duration busy_until = std::min(end, network.clock + 30min);
    while (network.clock < busy_until) {
      sent.insert(++id);
      if (network.chance(0.5)) {
        pair.a.send(pair.b, id);
      } else {
        pair.b.send(pair.a, id);
      }
      network.run_for(Duration(500ms) + std::chrono::milliseconds(network.random() % 1000));
      ASSERT_EQ(network.violation, "");
    }
    const Duration idle_from = network.clock;
    network.run_for(3min);
    // The last packets may still need a keepalive or a handshake; after that, both sides are silent.
    EXPECT_LT(network.last_datagram - idle_from, 75s) << "idle is not silent";
  }

  std::map<std::uint64_t, int> times;
  for (const Node* node : {&pair.a, &pair.b}) {
    for (const std::uint64_t got : node->delivered) ++times[got];
  }
  for (const auto& [got, count] : times) {
    ASSERT_EQ(count, 1) << "delivered twice";
    ASSERT_TRUE(sent.contains(got)) << "never sent";
  }
  const double ratio = static_cast<double>(times.size()) / static_cast<double>(sent.size());
  EXPECT_GT(ratio, 0.88);
  EXPECT_LT(ratio, 0.93);
  EXPECT_GE(pair.a.count<protocol::Event::SessionUp>(), 600U);
  EXPECT_EQ(pair.a.count<protocol::Event::HandshakeGaveUp>(), 0U);
}

TEST(Day, RekeysLoseNothingOnAGoodNetwork) {
  Pair pair(7);
  Network& network = pair.network;
  const Duration end = network.clock + 24h;
  std::uint64_t id = 0;
  while (network.clock < end) {
    pair.a.send(pair.b, ++id);
    pair.b.send(pair.a, ++id);
    network.run_for(1s);
    ASSERT_EQ(network.violation, "");
  }
  // b's first packet finds no endpoint for a and is not counted on.
  EXPECT_GE(pair.a.delivered.size() + pair.b.delivered.size() + 2, id);
  EXPECT_GE(pair.a.count<protocol::Event::SessionUp>(), 715U);
  EXPECT_LE(pair.a.count<protocol::Event::SessionUp>(), 722U);
}

}  // namespace
}  // namespace tunneld::simulation
