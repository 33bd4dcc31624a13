// How often the route to an endpoint is looked up, which costs the control thread two questions to the
// kernel: neither strangers with false addresses nor a peer that moves with each packet decide that.
#include <array>

#include "common/protocol/cookie.h"
#include "tests/unit/daemon/tunnel_driver_fixture.h"
#include "tests/unit/run_until.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kSources = 5000;

/// 127.1.0.0 and what follows: nobody listens there.
net::Endpoint source(std::uint32_t n) {
  std::array<std::uint8_t, 4> bytes{};
  store_be32(bytes.data(), 0x7f010000 + n);
  return {.remote = {.address = net::IpAddress::v4(bytes), .port = 9},
          .local = std::nullopt,
          .local_interface = 0};
}

class EndpointRoutesTest : public TunnelDriverFixture {
 protected:
  void SetUp() override {
    TunnelDriverFixture::SetUp();
    if (IsSkipped()) return;
    driver_->guard_endpoints([this](const net::Endpoint& endpoint) -> std::optional<std::string> {
      ++looks_;
      last_ = endpoint.remote;
      if (forbidden_ == endpoint.remote) return "through the bridge";
      return std::nullopt;
    });
    driver_->on_event([this](const protocol::Event& event) {
      told_ += event.is<protocol::Event::EndpointMoved>() ? 1U : 0U;
      asked_ += event.is<protocol::Event::AskRoute>() ? 1U : 0U;
    });
    driver_->set_peers({{.config = driven_peer("a")}});
    tunnel_->handle({.notice = protocol::Notice::kMoving, .peer = 0, .index = 0, .endpoint = source(0)}, {},
                    net::now(), actions_);
    looks_ = 0;
  }

  void move_to(std::uint32_t n) {
    deliver({.notice = protocol::Notice::kMoving, .peer = 0, .index = 0, .endpoint = source(n)});
  }
  [[nodiscard]] std::uint64_t dropped(protocol::Drop reason) const {
    std::uint64_t sum = 0;
    for (const auto& drops : plane_->drops) sum += drops.get(reason);
    return sum;
  }

  std::size_t looks_ = 0;
  /// Those who look up the path's MTU.
  std::size_t told_ = 0;
  std::size_t asked_ = 0;
  net::SocketAddress last_;
  std::optional<net::SocketAddress> forbidden_;
};

TEST_F(EndpointRoutesTest, StrangersUnderFalseAddressesAreNotLookedUpOneByOne) {
  protocol::InitiationMessage message{};
  protocol::CookieJar(tunnel_->public_key()).add_macs(message, net::boot_now());
  const Instant begin = net::boot_now();
  for (std::uint32_t n = 0; n < kSources; ++n) {
    deliver({.notice = protocol::Notice::kHandshakeMessage, .peer = 0, .index = 0, .endpoint = source(n)},
            protocol::as_bytes(message));
  }
  EXPECT_GT(dropped(protocol::Drop::kUnderLoad), kSources / 2) << "no cookies: nothing was tested";
  const auto tenths = static_cast<std::size_t>((net::boot_now() - begin) / 100ms);
  EXPECT_GE(looks_, 20U);
  EXPECT_LE(looks_, 20 + tenths + 1);
}

TEST_F(EndpointRoutesTest, APeerThatMovesWithEachPacketIsLookedUpAtAPace) {
  const Instant begin = net::boot_now();
  for (std::uint32_t n = 1; n <= kSources; ++n) move_to(n);
  const auto tenths = static_cast<std::size_t>((net::boot_now() - begin) / 100ms);
  EXPECT_EQ(tunnel_->peer(0).link().endpoint.get()->remote, source(kSources).remote);
  EXPECT_GE(looks_, 20U);
  EXPECT_LE(looks_, 20 + tenths + 1);
  EXPECT_LE(told_, 20 + tenths + 1);
}

TEST_F(EndpointRoutesTest, WhereItHasMovedToInTheEndIsLookedUpAllTheSame) {
  forbidden_ = source(101).remote;
  const auto& loops = tunnel_->peer(0).link().loops;
  // Until the last move was one too many: on a slow machine it may be looked up at once.
  do {
    for (std::uint32_t n = 1; n <= 101; ++n) move_to(n);
  } while (loops.load());
  asked_ = 0;
  for (const Instant end = net::boot_now() + 60s; !loops.load() && net::boot_now() < end;) {
    io_.run_for(100ms);
    io_.restart();
  }
  EXPECT_EQ(last_, source(101).remote);
  EXPECT_TRUE(loops.load());
  EXPECT_EQ(asked_, 1U) << "for the path's MTU";
  EXPECT_EQ(driver_->info(0).forbidden_endpoint, "through the bridge");
}

TEST_F(EndpointRoutesTest, WhatIsSentToAPeerThatMovesWithEachPacketCostsNoLookEither) {
  do {
    for (std::uint32_t n = 1; n <= 100; ++n) move_to(n);
  } while (last_ == source(100).remote);
  looks_ = asked_ = 0;
  const std::array<std::uint8_t, 60> packet{};
  deliver({.notice = protocol::Notice::kWaitingPacket, .peer = 0, .index = 0, .endpoint = {}}, packet);
  EXPECT_TRUE(tunnel_->peer(0).status(net::boot_now()).handshake_pending) << "nothing was sent";
  if (asked_ != 0) GTEST_SKIP() << "the machine stood still until the look that was put off";
  EXPECT_EQ(looks_, 0U);
}

TEST_F(EndpointRoutesTest, APeerThatForgesAnAddressKeepsNobodyElsesDatagramsBack) {
  do {
    for (std::uint32_t n = 1; n <= 100; ++n) move_to(n);
  } while (last_ == source(100).remote);
  // What was found out where it was before: where it says that it is now, another one is, behind no bridge.
  tunnel_->change(0)->link().loops.store(true);
  looks_ = asked_ = 0;
  const std::array<std::uint8_t, 60> packet{};
  deliver({.notice = protocol::Notice::kWaitingPacket, .peer = 0, .index = 0, .endpoint = {}}, packet);
  if (asked_ != 0) GTEST_SKIP() << "the machine stood still until the look that was put off";
  EXPECT_EQ(looks_, 1U) << "it was judged by the peer's last place";
}

TEST_F(EndpointRoutesTest, APeerThatMovesNowAndThenIsLookedUpAtOnce) {
  for (std::uint32_t n = 1; n <= 10; ++n) {
    move_to(n);
    EXPECT_EQ(looks_, n);
    EXPECT_EQ(last_, source(n).remote);
  }
}

/// A peer that has not answered for so long that its next initiation asks for another port, and one that has a
/// session.
class UselessPortTest : public TunnelDriverFixture {
 protected:
  UselessPortTest() : far_plane_(1, protocol::ThreadPlan(1), crypto::random_bytes, nullptr) {}
  void SetUp() override {
    TunnelDriverFixture::SetUp();
    if (IsSkipped()) return;
    driver_->on_port_useless([this] {
      ++ports_;
      return true;
    });
    far_ = std::make_unique<protocol::Tunnel>(crypto::PrivateKey::generate(), *engine_, crypto::random_bytes,
                                              far_plane_, protocol::TunnelOptions());
    live_.name.value = "live";
    live_.public_key.value = far_->public_key();
  }

  void set_peers() {
    driver_->set_peers({{.config = silent_}, {.config = live_}});
    stay_silent(id_of(silent_));
    begin_session(id_of(live_));
  }
  /// Until the initiation that asks has been sent.
  [[nodiscard]] bool ask_for_port() {
    wake();
    return run_until(io_, [this] { return peer(silent_).handshake_attempts > kAttempts; });
  }
  [[nodiscard]] protocol::PeerStatus peer(const config::PeerConfig& config) const {
    return tunnel_->peer(id_of(config)).status(net::boot_now());
  }

  const config::PeerConfig silent_ = driven_peer("silent");
  config::PeerConfig live_;
  unsigned ports_ = 0;

 private:
  static constexpr unsigned kAttempts = 3;

  [[nodiscard]] protocol::PeerId id_of(const config::PeerConfig& config) const {
    return tunnel_->find_peer(config.public_key.value)->link().id;
  }
  void call(protocol::PeerId id, std::uint32_t place, Now now) {
    tunnel_->handle({.notice = protocol::Notice::kMoving, .peer = id, .index = 0, .endpoint = source(place)},
                    {}, now, actions_);
    const std::array<std::uint8_t, 60> packet{};
    tunnel_->handle({.notice = protocol::Notice::kWaitingPacket, .peer = id, .index = 0, .endpoint = {}},
                    packet, now, actions_);
  }
  /// Its calls were a minute ago, so the next one is due.
  void stay_silent(protocol::PeerId id) {
    Now then = net::now();
    then.boot -= 60s;
    call(id, 1, then);
    while (tunnel_->peer(id).status(then.boot).handshake_attempts < kAttempts) {
      then.boot += 1s;
      ASSERT_LT(then.boot, net::boot_now() - 10s);
      tunnel_->advance(then, actions_);
    }
    actions_.clear();
  }
  void begin_session(protocol::PeerId id) {
    protocol::Tunnel::PeerChanges changes;
    changes.added.push_back({.public_key = tunnel_->public_key(),
                             .preshared_key = std::nullopt,
                             .allowed_ips = {},
                             .endpoint = std::nullopt});
    far_->change_peers(std::move(changes), net::now());
    call(id, 2, net::now());
    protocol::Actions answer;
    for (const auto& each : actions_.datagrams())
      far_->receive(actions_.bytes(each), source(3), net::now(), answer);
    actions_.clear();
    for (const auto& each : answer.datagrams())
      tunnel_->receive(answer.bytes(each), source(2), net::now(), actions_);
    actions_.clear();
    ASSERT_TRUE(tunnel_->peer(id).status(net::boot_now()).session_live);
  }

  protocol::DataPlane far_plane_;
  std::unique_ptr<protocol::Tunnel> far_;
};

TEST_F(UselessPortTest, StaysWhereAPeerWithASessionHasCalledIt) {
  set_peers();
  ASSERT_TRUE(ask_for_port());
  EXPECT_EQ(ports_, 0U) << "the peer knows this port alone";
}

TEST_F(UselessPortTest, IsToldToThePeerWithASessionThatWeCall) {
  live_.endpoints.push_back({std::get<config::PeerEndpoint>(config::parse_endpoint("127.1.0.2:9")), {}});
  set_peers();
  const auto sent = peer(live_).sent_packets;
  ASSERT_TRUE(ask_for_port());
  EXPECT_EQ(ports_, 1U);
  EXPECT_GT(peer(live_).sent_packets, sent) << "it still sends to the old port";
}

}  // namespace
}  // namespace tunneld::daemon
