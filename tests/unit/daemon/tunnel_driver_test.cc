// Peers that change while the tunnel runs, and what the driver does with what the tunnel asks for.
#include <boost/asio/executor_work_guard.hpp>
#include <gmock/gmock.h>

#include "common/protocol/messages.h"
#include "tests/unit/addresses.h"
#include "tests/unit/daemon/tunnel_driver_fixture.h"
#include "tests/unit/run_until.h"

namespace tunneld::daemon {
namespace {

using ::testing::ElementsAre;

config::PeerConfig with(config::PeerConfig peer, std::initializer_list<const char*> allowed_ips) {
  peer.allowed_ips.clear();
  for (const char* network : allowed_ips) peer.allowed_ips.push_back({prefix(network), {}});
  return peer;
}

class TunnelDriverTest : public TunnelDriverFixture {
 protected:
  const protocol::Peer& peer(const config::PeerConfig& config) {
    return *tunnel_->find_peer(config.public_key.value);
  }
  /// Whose packets from this address are.
  std::optional<protocol::PeerId> owner(const char* text) {
    const protocol::RoutingTable* table = plane_->routing.get();
    const net::IpAddress from = address(text);
    const auto id = table->allowed_ips.lookup(from);
    return id == net::AllowedIps::kNobody ? std::nullopt : std::optional<protocol::PeerId>(id);
  }

  const config::PeerConfig a_ = driven_peer("a");
  const config::PeerConfig b_ = driven_peer("b");
};

TEST_F(TunnelDriverTest, PeersAreToldApartByTheirKeys) {
  auto changed = driver_->set_peers({{.config = with(a_, {"10.0.0.1/32"})}, {.config = b_}});
  EXPECT_EQ(changed.added, 2U);
  const protocol::PeerId a = peer(a_).link().id;
  changed = driver_->set_peers({{.config = with(a_, {"10.0.0.2/32"})}});
  EXPECT_EQ(changed.added, 0U);
  EXPECT_EQ(changed.removed, 1U);
  EXPECT_EQ(changed.changed, 1U);
  EXPECT_EQ(peer(a_).link().id, a);
  EXPECT_EQ(tunnel_->find_peer(b_.public_key.value), nullptr);
  EXPECT_EQ(owner("10.0.0.2"), a);
  EXPECT_EQ(owner("10.0.0.1"), std::nullopt);
  EXPECT_EQ(driver_->info(a).name, "a");
  turn();
}

TEST_F(TunnelDriverTest, TheSamePeersAgainPublishNothing) {
  const std::vector<DesiredPeer> peers{{.config = with(a_, {"10.0.0.1/32"})}, {.config = b_}};
  driver_->set_peers(peers);
  const protocol::RoutingTable* table = plane_->routing.get();
  const auto changed = driver_->set_peers(peers);
  EXPECT_EQ(changed.added + changed.removed + changed.changed, 0U);
  EXPECT_EQ(plane_->routing.get(), table);
}

TEST_F(TunnelDriverTest, IsolationAloneIsPublishedToo) {
  driver_->set_peers({{.config = a_}});
  EXPECT_FALSE(plane_->routing.get()->isolated[peer(a_).link().id]);
  driver_->set_peers({{.config = a_, .isolated = true}});
  EXPECT_TRUE(plane_->routing.get()->isolated[peer(a_).link().id]);
}

TEST_F(TunnelDriverTest, APresharedKeyComesAndGoes) {
  const auto key = crypto::PresharedKey::generate();
  driver_->set_peers({{.config = a_}, {.config = b_, .preshared_key = &key}});
  EXPECT_FALSE(peer(a_).options().preshared_key);
  ASSERT_TRUE(peer(b_).options().preshared_key);
  EXPECT_TRUE(std::ranges::equal(peer(b_).options().preshared_key->secret().view(), key.secret().view()));
  driver_->set_peers({{.config = a_, .preshared_key = &key}, {.config = b_}});
  EXPECT_TRUE(peer(a_).options().preshared_key);
  EXPECT_FALSE(peer(b_).options().preshared_key);
}

TEST_F(TunnelDriverTest, WithdrawingTakesAwayWhatWillBeAnothersAndNothingElse) {
  const std::vector<DesiredPeer> before{{.config = with(a_, {"10.0.0.1/32", "10.1.0.0/16"})},
                                        {.config = with(b_, {"10.0.0.2/32"})}};
  driver_->set_peers(before);
  const std::vector<DesiredPeer> after{{.config = with(a_, {"10.1.0.0/16"})},
                                       {.config = with(b_, {"10.0.0.1/32", "10.0.0.2/32"})}};
  driver_->withdraw(after);
  EXPECT_EQ(owner("10.0.0.1"), std::nullopt) << "neither under the old rules nor under the new ones";
  EXPECT_EQ(owner("10.1.2.3"), peer(a_).link().id);
  EXPECT_EQ(owner("10.0.0.2"), peer(b_).link().id);
  // The host has refused the rules.
  driver_->set_peers(before);
  EXPECT_EQ(owner("10.0.0.1"), peer(a_).link().id);
  driver_->withdraw(after);
  EXPECT_EQ(driver_->set_peers(after).changed, 2U) << "what was withdrawn is a change, too";
  EXPECT_EQ(owner("10.0.0.1"), peer(b_).link().id);
}

TEST_F(TunnelDriverTest, WhoIsGoingToBeRemovedSendsNothingAnyMoreAndIsNotForgottenYet) {
  const std::vector<DesiredPeer> before{{.config = with(a_, {"10.0.0.1/32"})}};
  driver_->set_peers(before);
  const protocol::PeerId id = peer(a_).link().id;
  driver_->withdraw({});
  EXPECT_EQ(owner("10.0.0.1"), std::nullopt);
  EXPECT_TRUE(driver_->knows(id));
  driver_->set_peers(before);
  EXPECT_EQ(owner("10.0.0.1"), id);
}

TEST_F(TunnelDriverTest, ANewPeerIsCalledWhenAPacketWaitsForIt) {
  config::PeerConfig called = driven_peer("called");
  called.endpoints.push_back({std::get<config::PeerEndpoint>(config::parse_endpoint("127.0.0.1:9")), {}});
  driver_->set_peers({{.config = called}});
  const protocol::PeerId id = peer(called).link().id;
  // Names and addresses are looked up alike, by a thread.
  const auto work = boost::asio::make_work_guard(io_);
  EXPECT_TRUE(run_until(io_, [&] { return driver_->has_endpoint(called.public_key.value); }));
  const std::array<std::uint8_t, 60> packet{};
  deliver({.notice = protocol::Notice::kWaitingPacket, .peer = id, .index = 0, .endpoint = {}}, packet);
  EXPECT_TRUE(peer(called).status(net::boot_now()).handshake_pending);
}

TEST_F(TunnelDriverTest, ADeviceThatIsGoneIsTold) {
  driver_->signals().device_gone.store(true);
  wake();
  EXPECT_TRUE(device_gone_);
}

TEST_F(TunnelDriverTest, NoticesOfARemovedPeerAreIgnored) {
  driver_->set_peers({{.config = a_}});
  const protocol::PeerId id = peer(a_).link().id;
  driver_->set_peers({});
  const std::array<std::uint8_t, 60> packet{};
  deliver({.notice = protocol::Notice::kWaitingPacket, .peer = id, .index = 0, .endpoint = {}}, packet);
  deliver({.notice = protocol::Notice::kMoving, .peer = id, .index = 0, .endpoint = {}});
  EXPECT_FALSE(driver_->knows(id));
  EXPECT_EQ(driver_->key_of(id), std::nullopt);
}

}  // namespace
}  // namespace tunneld::daemon
