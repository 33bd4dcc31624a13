// What routes, addresses and MTUs do to the outer UDP socket, in namespaces.
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "common/net/udp_socket.h"
#include "tests/unit/net/network_namespace.h"
#include "tests/unit/net/udp_test_sockets.h"

namespace tunneld::net {
namespace {

// Counts bytes until `wanted` have come or silence has lasted for longer than a lost neighbour solicitation
// costs (1 s, RFC 4861); `from` is the last sender.
std::size_t receive_bytes(UdpSocket& socket, std::size_t wanted, Endpoint* from = nullptr) {
  ReceiveBatch batch;
  std::size_t bytes = 0;
  while (bytes < wanted) {
    pollfd watched{.fd = socket.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, 5000) != 1) break;
    socket.receive(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      bytes += batch[i].data.size();
      if (from != nullptr) *from = batch[i].from.parse();
    }
  }
  return bytes;
}

// What `ethtool -K NAME tx off` does.
void switch_checksum_offload_off(const char* name) {
  const FileDescriptor control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_value off{.cmd = ETHTOOL_STXCSUM, .data = 0};
  ifreq request{};
  std::strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  request.ifr_data = reinterpret_cast<char*>(&off);
  ASSERT_EQ(::ioctl(control.get(), SIOCETHTOOL, &request), 0);
}

// One socket on each side of a veth pair.
class UdpRouteTest : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    connect_far();
    far_->enter();
    far_socket_ = std::make_unique<UdpSocket>(open_one());
    near_->enter();
    near_socket_ = std::make_unique<UdpSocket>(open_one());
  }

  std::unique_ptr<UdpSocket> near_socket_;
  std::unique_ptr<UdpSocket> far_socket_;
};

TEST_F(UdpRouteTest, RunsCrossAVethInBothFamilies) {
  const Bytes run(100 * 1400 + 3);
  for (const char* there : {"10.9.0.2", "fd09::2"}) {
    EXPECT_EQ(near_socket_->send_segments(to(there, far_socket_->port()), run, 1400, 0).sent, 101U);
    EXPECT_EQ(receive_bytes(*far_socket_, run.size()), run.size());
  }
}

TEST_F(UdpRouteTest, ReplyLeavesFromTheAddressThatThePeerUsed) {
  shell("ip addr add 10.9.0.11/24 dev near && ip addr add fd09::11/64 dev near nodad");
  for (const char* used : {"10.9.0.11", "10.9.0.1", "fd09::11", "fd09::1"}) {
    far_socket_->send_segments(to(used, near_socket_->port()), Bytes(50), 1400, 0);
    Endpoint peer;
    ASSERT_EQ(receive_bytes(*near_socket_, 50, &peer), 50U);
    EXPECT_EQ(peer.local, address(used));

    const SendResult joined = near_socket_->send_segments(peer, Bytes(3000), 1400, 0);
    EXPECT_FALSE(joined.forget_local);
    Endpoint seen;
    ASSERT_EQ(receive_bytes(*far_socket_, 3000, &seen), 3000U);
    EXPECT_EQ(seen.remote.address, address(used));

    const Bytes bytes(60);
    std::array<Datagram, 1> batch = {Datagram{.endpoint = peer, .bytes = bytes, .traffic_class = 0x88}};
    EXPECT_EQ(near_socket_->send_batch(batch).sent, 1U);
    ASSERT_EQ(receive_bytes(*far_socket_, 60, &seen), 60U);
    EXPECT_EQ(seen.remote.address, address(used));
  }
}

TEST_F(UdpRouteTest, AddressThatIsGoneIsForgottenAndNothingIsLost) {
  for (const char* there : {"10.9.0.2", "fd09::2"}) {
    for (const std::size_t size : {100U, 30000U}) {
      Endpoint endpoint = to(there, far_socket_->port());
      endpoint.local = address(endpoint.remote.address.is_v4() ? "10.9.0.99" : "fd09::99");
      const SendResult result = near_socket_->send_segments(endpoint, Bytes(size), 1400, 0);
      EXPECT_TRUE(result.forget_local);
      EXPECT_EQ(result.dropped, 0U);
      EXPECT_TRUE(near_socket_->segments());
      Endpoint seen;
      EXPECT_EQ(receive_bytes(*far_socket_, size, &seen), size);
      EXPECT_EQ(seen.remote.address, address(endpoint.remote.address.is_v4() ? "10.9.0.1" : "fd09::1"));
    }
  }
}

TEST_F(UdpRouteTest, LinkLocalPeersAreAnsweredOnTheirLink) {
  Endpoint far_link = to("fe80::2", far_socket_->port());
  shell("ip addr add fe80::1/64 dev near nodad");
  far_->enter();
  shell("ip addr add fe80::2/64 dev far nodad");
  near_->enter();
  far_link.remote.scope_id = ::if_nametoindex("near");

  EXPECT_EQ(near_socket_->send_segments(far_link, Bytes(70), 1400, 0).sent, 1U);
  Endpoint peer;
  ASSERT_EQ(receive_bytes(*far_socket_, 70, &peer), 70U);
  EXPECT_NE(peer.remote.scope_id, 0U);
  EXPECT_EQ(peer.local, address("fe80::2"));
  EXPECT_FALSE(far_socket_->send_segments(peer, Bytes(3000), 1400, 0).forget_local);
  EXPECT_EQ(receive_bytes(*near_socket_, 3000), 3000U);
}

TEST_F(UdpRouteTest, TooLargeForTheDeviceIsFragmentedWithoutProbing) {
  for (const char* there : {"10.9.0.2", "fd09::2"}) {
    const Bytes run(5 * 1600 + 10);
    const SendResult result = near_socket_->send_segments(to(there, far_socket_->port()), run, 1600, 0);
    EXPECT_EQ(result.sent, 6U);
    EXPECT_EQ(result.refused_size, 0U);
    EXPECT_EQ(receive_bytes(*far_socket_, run.size()), run.size());
  }
}

TEST_F(UdpRouteTest, TooLargeForTheDeviceIsReportedWhenProbingAndTheRestIsSent) {
  ASSERT_FALSE(near_socket_->set_path_mtu_probing(true));
  for (const char* there : {"10.9.0.2", "fd09::2"}) {
    const Endpoint endpoint = to(there, far_socket_->port());
    SendResult result = near_socket_->send_segments(endpoint, Bytes(5 * 1600 + 10), 1600, 0);
    EXPECT_EQ(result.sent, 1U);
    EXPECT_EQ(result.dropped, 5U);
    EXPECT_EQ(result.refused_size, 1600U);
    EXPECT_EQ(result.status, SendStatus::kTooLarge);
    EXPECT_EQ(receive_bytes(*far_socket_, 10), 10U);

    // The largest that fits passes.
    const std::size_t fits = endpoint.remote.address.is_v4() ? 1500 - 28 : 1500 - 48;
    EXPECT_EQ(near_socket_->send_segments(endpoint, Bytes(3 * fits), fits, 0).dropped, 0U);
    EXPECT_EQ(receive_bytes(*far_socket_, 3 * fits), 3 * fits);
    result = near_socket_->send_segments(endpoint, Bytes(fits + 1), fits + 1, 0);
    EXPECT_EQ(result.refused_size, fits + 1);
  }
}

TEST_F(UdpRouteTest, DeviceWithoutChecksumOffloadLosesNothing) {
  switch_checksum_offload_off("near");
  const Bytes run(56'000);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(near_socket_->send_segments(to("10.9.0.2", far_socket_->port()), run, 1400, 0).sent, 40U);
    EXPECT_EQ(receive_bytes(*far_socket_, run.size()), run.size());
  }
}

TEST_F(UdpRouteTest, NoRouteIsUnreachableAndLaterSendsWork) {
  for (const char* nowhere : {"198.51.100.1", "2001:db8::1"}) {
    const SendResult result = near_socket_->send_segments(to(nowhere, 9), Bytes(5000), 1000, 0);
    EXPECT_EQ(result.dropped, 5U);
    EXPECT_EQ(result.status, SendStatus::kUnreachable);
  }
  near_socket_->send_segments(to("10.9.0.2", far_socket_->port()), Bytes(5000), 1000, 0);
  EXPECT_EQ(receive_bytes(*far_socket_, 5000), 5000U);
}

TEST_F(UdpRouteTest, MarkSelectsTheRoute) {
  shell("ip rule add fwmark 77 table 77 && ip route add unreachable default table 77");
  const Endpoint there = to("10.9.0.2", far_socket_->port());
  ASSERT_FALSE(near_socket_->set_mark(77));
  EXPECT_EQ(near_socket_->send_segments(there, Bytes(10), 1000, 0).status, SendStatus::kUnreachable);
  ASSERT_FALSE(near_socket_->set_mark(0));
  EXPECT_EQ(near_socket_->send_segments(there, Bytes(10), 1000, 0).status, SendStatus::kSent);
}

TEST_F(UdpRouteTest, Ipv4WorksWhereIpv6IsSwitchedOffBySysctl) {
  shell("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
  UdpSocket socket = open_one();
  EXPECT_EQ(socket.send_segments(to("10.9.0.2", far_socket_->port()), Bytes(5000), 1000, 0).sent, 5U);
  Endpoint peer;
  EXPECT_EQ(receive_bytes(*far_socket_, 5000, &peer), 5000U);
  EXPECT_EQ(far_socket_->send_segments(peer, Bytes(5000), 1000, 0).sent, 5U);
  EXPECT_EQ(receive_bytes(socket, 5000), 5000U);
}

}  // namespace
}  // namespace tunneld::net
