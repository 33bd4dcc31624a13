// Agreeing on AES-256-GCM by HELLO, and never with a peer that does not say it can.
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

/// Counts message types by sender.
struct Wire {
  explicit Wire(Network& network) {
    network.on_wire = [this](const Node& from, ByteView datagram) {
      ++count[&from][protocol::classify(datagram)];
      return true;
    };
  }
  std::map<const Node*, std::map<MessageType, int>> count;
};

void talk(Network& network, Node& a, Node& b, std::uint64_t packets) {
  for (std::uint64_t i = 0; i < packets; ++i) {
    a.send(b, i);
    b.send(a, i);
    network.run_for(100ms);
  }
}

struct FastPair {
  FastPair(std::uint64_t seed, protocol::TunnelOptions a_offers, protocol::TunnelOptions b_offers)
      : network(seed),
        a(network, "192.0.2.1:1111", "10.0.0.1", a_offers),
        b(network, "192.0.2.2:2222", "10.0.0.2", b_offers) {
    if (!a.engine->supports(crypto::Cipher::kAes256Gcm)) return;
    supported = true;
    a.add_peer(b, true);
    b.add_peer(a, false);
  }
  Network network;
  Node a, b;
  bool supported = false;
};

TEST(FastData, TwoThatOfferItUseIt) {
  FastPair pair(1, kFast, kFast);
  if (!pair.supported) GTEST_SKIP() << "this CPU has no AES for libsodium";
  talk(pair.network, pair.a, pair.b, 5);
  Wire wire(pair.network);
  talk(pair.network, pair.a, pair.b, 100);
  EXPECT_EQ(wire.count[&pair.a][MessageType::kFastData], 100);
  EXPECT_EQ(wire.count[&pair.b][MessageType::kFastData], 100);
  EXPECT_EQ(wire.count[&pair.a][MessageType::kData], 0);
  EXPECT_EQ(pair.a.delivered.size() + pair.b.delivered.size(), 210U);
  EXPECT_EQ(pair.network.violation, "");
}

TEST(FastData, EitherSideThatDoesNotOfferItGetsWireGuard) {
  for (const auto& other : {kStock, kWireGuardCipher}) {
    for (const bool a_offers : {true, false}) {
      FastPair pair(2, a_offers ? kFast : other, a_offers ? other : kFast);
      if (!pair.supported) GTEST_SKIP() << "this CPU has no AES for libsodium";
      Wire wire(pair.network);
      talk(pair.network, pair.a, pair.b, 100);
      EXPECT_EQ(wire.count[&pair.a][MessageType::kFastData], 0);
      EXPECT_EQ(wire.count[&pair.b][MessageType::kFastData], 0);
      EXPECT_EQ(pair.b.delivered.size(), 100U);
    }
  }
}

TEST(FastData, AStockPeerHearsThreeHellosPerSessionAndSilence) {
  FastPair pair(3, kFast, kStock);
  if (!pair.supported) GTEST_SKIP() << "this CPU has no AES for libsodium";
  pair.a.send(pair.b, 1);
  pair.network.run_for(9s);
  // The waiting packet and three HELLOs.
  EXPECT_EQ(pair.network.data_messages, 4U);
  pair.network.run_for(5min);
  EXPECT_EQ(pair.network.data_messages, 5U)
      << "b's keepalive in answer to the packet, and nothing for the HELLOs";
}

TEST(FastData, LostHellosAreRepeatedAndALossyDayBreaksNothing) {
  FastPair pair(4, kFast, kFast);
  if (!pair.supported) GTEST_SKIP() << "this CPU has no AES for libsodium";
  pair.network.loss = 0.3;
  pair.network.duplicate = 0.05;
  pair.network.jitter = 50ms;
  Wire wire(pair.network);
  for (std::uint64_t i = 0; i < 20000; ++i) {
    pair.a.send(pair.b, i);
    pair.b.send(pair.a, i);
    pair.network.run_for(1s);
    ASSERT_EQ(pair.network.violation, "");
  }
  EXPECT_GT(wire.count[&pair.a][MessageType::kFastData], 15000);
  EXPECT_GT(pair.b.delivered.size(), 12000U);
}

TEST(FastData, AnUnagreedFastMessageIsRefused) {
  FastPair pair(5, kFast, kStock);
  if (!pair.supported) GTEST_SKIP() << "this CPU has no AES for libsodium";
  std::vector<std::uint8_t> captured;
  pair.network.on_wire = [&](const Node& from, ByteView datagram) {
    if (&from == &pair.a && protocol::classify(datagram) == MessageType::kData)
      captured.assign(datagram.begin(), datagram.end());
    return true;
  };
  pair.a.send(pair.b, 1);
  pair.network.run_for(10s);
  pair.a.send(pair.b, 2);
  captured[0] = 5;
  store_le(&captured[8], std::uint64_t{1000});
  pair.b.receive(captured, endpoint(pair.a.outside));
  EXPECT_EQ(pair.b.plane.drops[1].get(protocol::Drop::kMalformed), 1U);
}

}  // namespace
}  // namespace tunneld::simulation
