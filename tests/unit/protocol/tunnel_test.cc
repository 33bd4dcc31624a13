// When the tunnel wants to be called again.
#include "common/protocol/tunnel.h"

#include <chrono>

#include <gtest/gtest.h>

#include "common/crypto/aead_libsodium.h"
#include "common/protocol/constants.h"
#include "tests/unit/addresses.h"

namespace tunneld::protocol {
namespace {

class TunnelTest : public testing::Test {
 protected:
  TunnelTest() {
    PeerOptions options;
    options.public_key = crypto::PrivateKey::generate().public_key();
    options.endpoint =
        net::Endpoint{.remote = {address("192.0.2.9"), 9}, .local = std::nullopt, .local_interface = 0};
    Tunnel::PeerChanges changes;
    changes.added.push_back(std::move(options));
    peer_ = tunnel_.change_peers(std::move(changes), now_).front();
    tunnel_.advance(now_, actions_);  // it has looked at its path
  }

  std::unique_ptr<crypto::AeadEngine> engine_ = crypto::make_libsodium_engine();
  DataPlane plane_{1, ThreadPlan(1), crypto::random_bytes};
  Tunnel tunnel_{crypto::PrivateKey::generate(), *engine_, crypto::random_bytes, plane_, TunnelOptions{}};
  Actions actions_;
  PeerId peer_ = 0;
  const Now now_{Instant(std::chrono::hours(1)), WallTime(std::chrono::hours(1000))};
};

TEST_F(TunnelTest, AChangeOfAPeerMovesItsDeadline) {
  const Instant before = tunnel_.next_deadline();
  ASSERT_GT(before, now_.boot + kRekeyTimeout + kRekeyTimeoutJitterMax);
  tunnel_.change(peer_)->caller().begin(now_, actions_);
  EXPECT_LE(tunnel_.next_deadline(), now_.boot + kRekeyTimeout + kRekeyTimeoutJitterMax) << "its repetition";
  tunnel_.change(peer_)->reset();
  tunnel_.advance(now_, actions_);
  EXPECT_EQ(tunnel_.next_deadline(), before);
}

TEST_F(TunnelTest, AChangeIsOverWhenItsHandleGoes) {
  const Instant before = tunnel_.next_deadline();
  {
    const auto peer = tunnel_.change(peer_);
    peer->caller().begin(now_, actions_);
    EXPECT_EQ(tunnel_.next_deadline(), before);
  }
  EXPECT_LT(tunnel_.next_deadline(), before);
}

}  // namespace
}  // namespace tunneld::protocol
