#include "common/net/udp_socket.h"

#include <array>
#include <cerrno>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/net/socket_fault.h"
#include "tests/unit/net/udp_test_sockets.h"

namespace {
bool without_ipv6 = false;
}  // namespace

extern "C" int socket(int domain, int type, int protocol) noexcept {
  if (tunneld::net::socket_fault != 0) {
    errno = tunneld::net::socket_fault;
    return -1;
  }
  if (without_ipv6 && domain == AF_INET6) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_socket, domain, type, protocol));
}

namespace tunneld::net {
namespace {

class UdpSocketTest : public ::testing::TestWithParam<const char*> {
 protected:
  void TearDown() override { without_ipv6 = false; }
};

INSTANTIATE_TEST_SUITE_P(BothFamilies, UdpSocketTest, ::testing::Values("127.0.0.1", "::1"),
                         [](const auto& param) { return param.index == 0 ? "v4" : "v6"; });

TEST_P(UdpSocketTest, RunWithShortTailArrivesJoined) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  ASSERT_TRUE(sender.segments() && receiver.coalesces());
  const Bytes run = counted(10 * 1452 + 77);

  const SendResult result = sender.send_segments(to(GetParam(), receiver.port()), run, 1452, 0);
  EXPECT_EQ(result.sent, 11U);
  EXPECT_EQ(result.status, SendStatus::kSent);

  const Received received = receive(receiver, 11);
  ASSERT_EQ(received.datagrams.size(), 11U);
  EXPECT_EQ(received.messages, 1U);
  EXPECT_EQ(received.datagrams.back().size(), 77U);
  EXPECT_EQ(received.joined(), run);
}

TEST_P(UdpSocketTest, RunLargerThanOneSendIsSplit) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  for (const std::size_t size : {100U, 1452U, 1300U}) {
    const Bytes run = counted(150 * size + 1);
    EXPECT_EQ(sender.send_segments(to(GetParam(), receiver.port()), run, size, 0).sent, 151U);
    EXPECT_EQ(receive(receiver, 151).joined(), run);
  }
}

TEST_P(UdpSocketTest, SenderAndArrivalAddressAreLearned) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  sender.send_segments(to(GetParam(), receiver.port()), counted(100), 1452, 0);

  const Endpoint from = receive(receiver, 1).from;
  EXPECT_EQ(from.remote.address, address(GetParam()));
  EXPECT_EQ(from.remote.port, sender.port());
  EXPECT_EQ(from.local, address(GetParam()));
  EXPECT_EQ(from.local_interface, 1U);
}

TEST_P(UdpSocketTest, EcnCrossesBothWaysOfSending) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  for (std::uint8_t ecn = 0; ecn <= 3; ++ecn) {
    sender.send_segments(to(GetParam(), receiver.port()), counted(3000), 1000, ecn);
    EXPECT_EQ(receive(receiver, 3).ecn, ecn);
    std::vector<Datagram> batch(1);
    const Bytes bytes = counted(20);
    batch[0] = {.endpoint = to(GetParam(), receiver.port()),
                .bytes = bytes,
                .traffic_class = std::uint8_t(0x88 | ecn)};
    sender.send_batch(batch);
    EXPECT_EQ(receive(receiver, 1).ecn, ecn);
  }
}

TEST_P(UdpSocketTest, LargestAndEmptyDatagramsDoNotHurtTheFollowing) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  const Endpoint there = to(GetParam(), receiver.port());
  const Bytes largest = counted(UdpSocket::kMaxSendBytes);
  const Bytes small = counted(33);
  std::array<Datagram, 3> batch = {Datagram{.endpoint = there, .bytes = largest},
                                   Datagram{.endpoint = there, .bytes = {}},
                                   Datagram{.endpoint = there, .bytes = small}};
  EXPECT_EQ(sender.send_batch(batch).sent, 3U);

  const Received received = receive(receiver, 2);
  EXPECT_EQ(received.messages, 3U);
  EXPECT_THAT(received.datagrams, ::testing::ElementsAre(largest, small));
}

TEST_P(UdpSocketTest, BatchNamesWhatBecameOfEachDatagram) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  const Endpoint there = to(GetParam(), receiver.port());
  Endpoint from_nowhere = there;
  from_nowhere.local = address(there.remote.address.is_v4() ? "192.0.2.77" : "2001:db8::77");
  const Bytes good = counted(40);
  const Bytes too_large = counted(70000);
  std::vector<Datagram> batch(30, {.endpoint = there, .bytes = good});
  batch[7].bytes = too_large;
  batch[20].endpoint = from_nowhere;

  const SendResult result = sender.send_batch(batch);
  EXPECT_EQ(result.sent, 29U);
  EXPECT_EQ(result.dropped, 1U);
  EXPECT_EQ(result.refused_size, 70000U);
  EXPECT_EQ(batch[7].status, SendStatus::kTooLarge);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    EXPECT_EQ(batch[i].forget_local, i == 20) << i;
    if (i != 7) {
      EXPECT_EQ(batch[i].status, SendStatus::kSent) << i;
    }
  }
  EXPECT_EQ(receive(receiver, 29).datagrams.size(), 29U);
}

TEST_P(UdpSocketTest, WithoutOffloadsRunsStillArrive) {
  UdpSocket sender = open_one({.offload = false});
  UdpSocket receiver = open_one({.offload = false});
  EXPECT_FALSE(sender.segments() || receiver.coalesces());
  const Bytes run = counted(100 * 1000 + 5);
  EXPECT_EQ(sender.send_segments(to(GetParam(), receiver.port()), run, 1000, 0).sent, 101U);

  const Received received = receive(receiver, 101);
  EXPECT_EQ(received.messages, 101U);
  EXPECT_EQ(received.joined(), run);
}
TEST_F(UdpSocketTest, HostWithoutIpv6GetsAnIpv4Socket) {
  without_ipv6 = true;
  UdpSocket socket = open_one();
  UdpSocket other = open_one();
  EXPECT_FALSE(socket.has_ipv6());
  const Bytes run = counted(4500);

  EXPECT_EQ(socket.send_segments(to("127.0.0.1", other.port()), run, 1000, 2).sent, 5U);
  const Received received = receive(other, 5);
  EXPECT_EQ(received.joined(), run);
  EXPECT_EQ(received.ecn, 2);
  EXPECT_EQ(received.from.remote, (SocketAddress{.address = address("127.0.0.1"), .port = socket.port()}));
  EXPECT_EQ(received.from.local, address("127.0.0.1"));
  EXPECT_EQ(other.send_segments(received.from, run, 1000, 0).sent, 5U);
  EXPECT_EQ(receive(socket, 5).joined(), run);

  const SendResult result = socket.send_segments(to("::1", other.port()), run, 1000, 0);
  EXPECT_EQ(result.dropped, 5U);
  EXPECT_EQ(result.status, SendStatus::kUnreachable);
}

TEST_F(UdpSocketTest, TakenPortIsAClearErrorEvenForAGroup) {
  const std::vector<UdpSocket> first = open_udp_sockets({.sockets = 3});
  for (const unsigned sockets : {1U, 3U}) {
    try {
      (void)open_udp_sockets({.port = first[0].port(), .sockets = sockets});
      FAIL() << "joined another program's port";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), EADDRINUSE);
      EXPECT_THAT(error.what(),
                  ::testing::HasSubstr("is taken by net_test (pid " + std::to_string(::getpid()) + ")"));
    }
  }
}

TEST_P(UdpSocketTest, SendersSpreadOverTheSocketsOfAGroup) {
  std::vector<UdpSocket> group = open_udp_sockets({.sockets = 4});
  for (int i = 0; i < 100; ++i)
    open_one().send_segments(to(GetParam(), group[0].port()), counted(100), 1000, 0);
  for (UdpSocket& socket : group) {
    EXPECT_EQ(socket.port(), group[0].port());
    EXPECT_GT(receive(socket, 1).datagrams.size(), 0U);
  }
}

TEST_F(UdpSocketTest, BuffersAreLarge) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: SO_RCVBUFFORCE";
  UdpSocket socket = open_one();
  EXPECT_GE(socket.receive_buffer_size(), 7 << 20);
  EXPECT_GE(socket.send_buffer_size(), 7 << 20);
}

/// A datagram that looks like data with this type and counter.
Bytes data_message(std::uint8_t type, std::uint64_t lane) {
  Bytes bytes(64);
  bytes[0] = type;
  bytes[15] = static_cast<std::uint8_t>(lane << 4 | 1);
  return bytes;
}

TEST_P(UdpSocketTest, EachLaneComesToItsOwnSocket) {
  std::vector<UdpSocket> group = open_udp_sockets({.sockets = 4});
  std::vector<UdpSocket> lanes = open_lane_sockets({.sockets = 6});
  for (const std::uint8_t type : {std::uint8_t{4}, std::uint8_t{5}}) {
    for (std::size_t lane = 1; lane <= lanes.size(); ++lane) {
      lanes[lane - 1].send_segments(to(GetParam(), group[0].port()), data_message(type, lane), 64, 0);
      const Received received = receive(group[(lane - 1) % group.size()], 1);
      ASSERT_EQ(received.datagrams.size(), 1U) << "lane " << lane;
      EXPECT_EQ(received.from.remote.port, lanes[lane - 1].port());
    }
  }
}

TEST_P(UdpSocketTest, WhatIsOnNoLaneIsSpreadByTheKernel) {
  std::vector<UdpSocket> group = open_udp_sockets({.sockets = 4});
  std::vector<UdpSocket> senders = open_lane_sockets({.sockets = 32});
  for (UdpSocket& sender : senders) {
    sender.send_segments(to(GetParam(), group[0].port()), data_message(4, 0), 64, 0);
    // A handshake message may have anything there.
    sender.send_segments(to(GetParam(), group[0].port()), data_message(1, 2), 64, 0);
  }
  std::set<std::size_t> used;
  std::size_t all = 0;
  for (std::size_t i = 0; i < group.size(); ++i) {
    ReceiveBatch batch(64);
    while (const std::size_t got = group[i].receive(batch)) {
      all += got;
      used.insert(i);
    }
  }
  EXPECT_EQ(all, 64U);
  EXPECT_GT(used.size(), 1U);
}

}  // namespace
}  // namespace tunneld::net
