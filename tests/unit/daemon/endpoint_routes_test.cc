// How often the route to an endpoint is looked up, which costs the control thread two questions to the
// kernel: neither strangers with false addresses nor a peer that moves with each packet decide that.
#include <array>

#include "common/protocol/cookie.h"
#include "tests/unit/daemon/tunnel_driver_fixture.h"

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

}  // namespace
}  // namespace tunneld::daemon
