// A tunnel driver on real sockets and eventfds, in a network namespace of its own, with an event loop that
// tests turn by hand.
#pragma once

#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/crypto/aead_engine.h"
#include "common/net/system_clock.h"
#include "daemon/tunnel_driver.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::daemon {

inline config::PeerConfig driven_peer(const char* name) {
  config::PeerConfig peer;
  peer.name.value = name;
  peer.public_key.value = crypto::PrivateKey::generate().public_key();
  return peer;
}

class TunnelDriverFixture : public net::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    sockets_ = net::open_udp_sockets({});
    engine_ = crypto::select_engine(crypto::EngineChoice::kAuto);
    plane_ = std::make_unique<protocol::DataPlane>(
        1, protocol::ThreadPlan(1), crypto::random_bytes,
        std::make_unique<protocol::EthernetSwitch>(protocol::SwitchSettings(), std::uint64_t{1}));
    tunnel_ = std::make_unique<protocol::Tunnel>(crypto::PrivateKey::generate(), *engine_,
                                                 crypto::random_bytes, *plane_, protocol::TunnelOptions());
    driver_ = std::make_unique<TunnelDriver>(io_, *tunnel_, *plane_, sockets_, lanes_,
                                             [this] { device_gone_ = true; });
  }

  /// As a data worker does, and the control thread after it.
  void deliver(const protocol::DoorRecord& record, ByteView payload = {}) {
    ASSERT_TRUE(plane_->doors[0]->push(record, payload));
    wake();
  }
  void wake() {
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(driver_->signals().wake_fd, &one, sizeof one), ssize_t{sizeof one});
    turn();
  }
  void turn() {
    io_.poll();
    io_.restart();
  }

  boost::asio::io_context io_;
  std::vector<net::UdpSocket> sockets_;
  std::vector<net::UdpSocket> lanes_;
  std::unique_ptr<crypto::AeadEngine> engine_;
  std::unique_ptr<protocol::DataPlane> plane_;
  std::unique_ptr<protocol::Tunnel> tunnel_;
  std::unique_ptr<TunnelDriver> driver_;
  protocol::Actions actions_;
  bool device_gone_ = false;
};

}  // namespace tunneld::daemon
