#include "common/net/udp_socket.h"

#include <functional>
#include <numeric>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/syscall.h>

#include "tests/unit/net/network_namespace.h"
#include "tests/unit/net/socket_fault.h"

namespace {

// Faults that this machine's kernel cannot be made to show; the wrappers below stand in front of libc's.
struct Fault {
  int error = 0;
  int times = 0;  // how many calls still fail
  bool joined_only = false;
  int then_error = 0;  // and one more call after them, with this
  std::function<void()> on_failure{};
};
Fault send_fault;
bool without_ipv6 = false;

bool is_joined(const msghdr& message) {
  const cmsghdr* first = CMSG_FIRSTHDR(&message);
  return first != nullptr && first->cmsg_level == SOL_UDP && first->cmsg_type == UDP_SEGMENT;
}

bool fails(bool joined) {
  if (send_fault.times == 0) {
    errno = std::exchange(send_fault.then_error, 0);
    return errno != 0;
  }
  if (send_fault.joined_only && !joined) return false;
  --send_fault.times;
  if (send_fault.on_failure) send_fault.on_failure();
  errno = send_fault.error;
  return true;
}

}  // namespace

extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (fails(is_joined(*message))) return -1;
  return ::syscall(SYS_sendmsg, fd, message, flags);
}

extern "C" int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  if (fails(false)) return -1;
  return static_cast<int>(::syscall(SYS_sendmmsg, fd, messages, count, flags));
}

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

using Bytes = std::vector<std::uint8_t>;

Bytes counted(std::size_t size) {
  Bytes bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

Endpoint to(const char* remote, std::uint16_t port) {
  return {.remote = {.address = address(remote), .port = port}, .local = std::nullopt};
}

UdpSocket open_one(const UdpOptions& options = {}) {
  return std::move(open_udp_sockets(options).front());
}

// What a socket received: the datagrams, cut, and who sent the last one.
struct Received {
  std::vector<Bytes> datagrams;
  std::size_t messages = 0;
  Endpoint from;
  std::uint8_t ecn = 0;

  [[nodiscard]] Bytes joined() const {
    Bytes all;
    for (const Bytes& datagram : datagrams) all.insert(all.end(), datagram.begin(), datagram.end());
    return all;
  }
};

// Waits up to a second for `datagrams` of them.
Received receive(UdpSocket& socket, std::size_t datagrams) {
  ReceiveBatch batch(8);
  Received received;
  while (received.datagrams.size() < datagrams) {
    pollfd watched{.fd = socket.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, 1000) != 1) break;
    socket.receive(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const ReceivedMessage message = batch[i];
      received.from = message.from.parse();
      received.ecn = message.ecn;
      ++received.messages;
      for (ByteView rest = message.data; !rest.empty();) {
        const ByteView one = rest.first(std::min(rest.size(), message.segment_size));
        received.datagrams.emplace_back(one.begin(), one.end());
        rest = rest.subspan(one.size());
      }
    }
  }
  EXPECT_EQ(batch.errors(), 0U);
  return received;
}

class UdpSocketTest : public ::testing::TestWithParam<const char*> {
 protected:
  void TearDown() override {
    send_fault = {};
    without_ipv6 = false;
  }
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

/// Runs until the next joined one fails, which `send_fault` says; how many left singly before it.
int singles_before_a_joined_one(UdpSocket& sender, UdpSocket& receiver, const Endpoint& there, int most) {
  const Bytes run = counted(2000);
  int singles = 0;
  for (const int times = send_fault.times; send_fault.times == times && singles < most; ++singles) {
    sender.send_segments(there, run, 1000, 0);
    receive(receiver, 2);
  }
  return singles;
}

TEST_P(UdpSocketTest, OneFailureOfADeviceDoesNotTurnJoiningOff) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  const Endpoint there = to(GetParam(), receiver.port());
  const Bytes run = counted(90 * 1000 + 1);
  send_fault = {.error = EIO, .times = 1, .joined_only = true};

  SendResult result = sender.send_segments(there, run, 1000, 0);
  EXPECT_EQ(send_fault.times, 0);
  EXPECT_FALSE(result.segmentation_lost);
  EXPECT_EQ(result.sent, 91U);
  EXPECT_EQ(receive(receiver, 91).joined(), run);
  EXPECT_TRUE(sender.segments());
  send_fault = {.error = EIO, .times = 1, .joined_only = true};
  EXPECT_LT(singles_before_a_joined_one(sender, receiver, there, 1000), 1000) << "joined again soon";
}

TEST_P(UdpSocketTest, DeviceWithoutChecksumsTurnsJoiningOffForALongWhile) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  const Endpoint there = to(GetParam(), receiver.port());
  send_fault = {.error = EIO, .times = 4, .joined_only = true};
  for (int refusal = 1; refusal < 3; ++refusal) singles_before_a_joined_one(sender, receiver, there, 1000);
  EXPECT_TRUE(sender.segments());
  bool lost = false;
  for (int i = 0; i < 1000 && !lost; ++i) {
    lost = sender.send_segments(there, counted(2000), 1000, 0).segmentation_lost;
    receive(receiver, 2);
  }
  EXPECT_TRUE(lost);
  EXPECT_FALSE(sender.segments());
  EXPECT_EQ(send_fault.times, 1);

  EXPECT_EQ(singles_before_a_joined_one(sender, receiver, there, 2000), 2000) << "tried again too soon";
  singles_before_a_joined_one(sender, receiver, there, 20000);
  EXPECT_EQ(send_fault.times, 0) << "never tried again";
  EXPECT_FALSE(sender.segments());
  for (int i = 0; i < 20000 && !sender.segments(); ++i) {
    sender.send_segments(there, counted(2000), 1000, 0);
    receive(receiver, 2);
  }
  EXPECT_TRUE(sender.segments()) << "a device that has become able is not noticed";
}

TEST_P(UdpSocketTest, InvalidJoinedSendPausesJoining) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  const Endpoint there = to(GetParam(), receiver.port());
  const Bytes run = counted(5000);
  send_fault = {.error = EINVAL, .times = 1, .joined_only = true};
  EXPECT_EQ(sender.send_segments(there, run, 1000, 0).sent, 5U);
  EXPECT_EQ(receive(receiver, 5).joined(), run);
  EXPECT_EQ(send_fault.times, 0);
  EXPECT_TRUE(sender.segments());

  send_fault = {.error = EINVAL, .times = 1, .joined_only = true};
  int singles = 0;
  while (send_fault.times == 1 && singles++ < 1000) {
    sender.send_segments(there, run, 1000, 0);
    receive(receiver, 5);
  }
  EXPECT_GT(singles, 100);
  EXPECT_EQ(send_fault.times, 0) << "joining was never tried again";
}

TEST_F(UdpSocketTest, KernelThatRefusesToJoinLosesNothing) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  // UDP_SEGMENT needs UDP checksums, which IPv4 lets one turn off.
  const int on = 1;
  ASSERT_EQ(::setsockopt(sender.fd(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
  const Bytes run = counted(70'000);
  EXPECT_EQ(sender.send_segments(to("127.0.0.1", receiver.port()), run, 1000, 0).sent, 70U);
  EXPECT_EQ(receive(receiver, 70).joined(), run);
}

TEST_P(UdpSocketTest, FullBufferIsWaitedForThenDropped) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  const Endpoint there = to(GetParam(), receiver.port());
  const Bytes run = counted(5000);

  send_fault = {.error = EAGAIN, .times = 3};
  EXPECT_EQ(sender.send_segments(there, run, 1000, 0).sent, 5U);
  send_fault = {.error = EAGAIN, .times = 1000};
  const SendResult result = sender.send_segments(there, run, 1000, 0);
  EXPECT_EQ(result.dropped, 5U);
  EXPECT_EQ(result.status, SendStatus::kBusy);
  EXPECT_GT(send_fault.times, 900) << "gave up late";
}

TEST_P(UdpSocketTest, FullDeviceQueueDropsAtOnce) {
  UdpSocket sender = open_one();
  send_fault = {.error = ENOBUFS, .times = 100};
  const SendResult result = sender.send_segments(to(GetParam(), 9), counted(5000), 1000, 0);
  EXPECT_EQ(send_fault.times, 99);
  EXPECT_EQ(result.dropped, 5U);
  EXPECT_EQ(result.status, SendStatus::kBusy);
}

TEST_P(UdpSocketTest, ErrorOfAnEarlierDatagramIsTriedAgain) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  const Endpoint there = to(GetParam(), receiver.port());
  for (const bool offload_size : {true, false}) {
    send_fault = {.error = ECONNREFUSED, .times = 1};
    EXPECT_EQ(sender.send_segments(there, counted(offload_size ? 3000 : 900), 1000, 0).dropped, 0U);
    EXPECT_EQ(send_fault.times, 0);
  }
  std::array<Datagram, 1> batch = {Datagram{.endpoint = there, .bytes = {}}};
  send_fault = {.error = ECONNREFUSED, .times = 1};
  EXPECT_EQ(sender.send_batch(batch).sent, 1U);
}

/// Waits until ICMP has told the socket of a datagram that nobody took.
void wait_for_refusal(const UdpSocket& socket) {
  pollfd watched{.fd = socket.fd(), .events = 0, .revents = 0};
  ASSERT_EQ(::poll(&watched, 1, 5000), 1);
  ASSERT_EQ(watched.revents & POLLERR, POLLERR);
}

TEST_P(UdpSocketTest, HeardRefusalsCostNoDatagram) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  const Endpoint there = to(GetParam(), receiver.port());
  const std::uint16_t closed = open_one().port();
  sender.hear_refusals(true);
  const auto be_refused = [&] {
    // Another one's call may have met the error of the last one.
    ASSERT_EQ(sender.send_segments(to(GetParam(), closed), counted(100), 100, 0).dropped, 0U);
    wait_for_refusal(sender);
  };
  be_refused();
  EXPECT_EQ(sender.send_segments(there, counted(3000), 1000, 0).sent, 3U) << "joined";
  be_refused();
  EXPECT_EQ(sender.send_segments(there, counted(900), 1000, 0).sent, 1U) << "on its own";
  be_refused();
  std::array<Datagram, 1> batch = {Datagram{.endpoint = there, .bytes = {}}};
  EXPECT_EQ(sender.send_batch(batch).sent, 1U);
  be_refused();
  EXPECT_EQ(receiver.send_segments(to(GetParam(), sender.port()), counted(500), 500, 0).sent, 1U);
  ReceiveBatch received;
  EXPECT_EQ(sender.receive(received), 1U);
  EXPECT_TRUE(received.met_refusal());
  EXPECT_EQ(sender.receive(received), 0U);
  EXPECT_FALSE(received.met_refusal());

  sender.hear_refusals(false);
  pollfd watched{.fd = sender.fd(), .events = 0, .revents = 0};
  EXPECT_EQ(::poll(&watched, 1, 0), 0) << "what was heard is thrown away";
  EXPECT_EQ(sender.send_segments(to(GetParam(), closed), counted(100), 100, 0).sent, 1U);
  EXPECT_EQ(::poll(&watched, 1, 100), 0) << "and nothing is heard any more";
}

// An error that a forged ICMP message has left looks like one of this host; it is another's only if it goes.
TEST_P(UdpSocketTest, WhatIcmpMayHaveSaidIsBelievedOnlyIfItPersists) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  Endpoint there = to(GetParam(), receiver.port());
  there.local = there.remote.address;
  for (const int error : {EHOSTUNREACH, ENETUNREACH, EMSGSIZE, EPROTO, EACCES, ENOPROTOOPT}) {
    for (const std::size_t size : {std::size_t{3000}, std::size_t{900}}) {
      send_fault = {.error = error, .times = 1};
      const SendResult result = sender.send_segments(there, counted(size), 1000, 0);
      EXPECT_EQ(result.dropped, 0U) << error;
      EXPECT_FALSE(result.forget_local) << error;
      send_fault = {.error = error, .times = 100};
      EXPECT_EQ(sender.send_segments(there, counted(size), 1000, 0).sent, 0U) << error;
      EXPECT_GT(send_fault.times, 60) << "gave up late";
      send_fault = {};
    }
  }
}

// A thread may meet the error while refusals are heard, and look at it when they no longer are.
TEST_P(UdpSocketTest, WhatWasHeardBeforeHearingEndedIsNotBelievedAfterIt) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  Endpoint there = to(GetParam(), receiver.port());
  there.local = there.remote.address;
  sender.hear_refusals(true);
  for (const std::size_t size : {std::size_t{3000}, std::size_t{900}}) {
    send_fault = {.error = EHOSTUNREACH, .times = 1, .on_failure = [&] { sender.hear_refusals(false); }};
    const SendResult result = sender.send_segments(there, counted(size), 1000, 0);
    EXPECT_EQ(result.dropped, 0U);
    EXPECT_FALSE(result.forget_local);
  }
  const Bytes bytes = counted(100);
  std::array<Datagram, 1> batch = {Datagram{.endpoint = there, .bytes = bytes}};
  sender.hear_refusals(true);
  send_fault = {.error = EHOSTUNREACH, .times = 1, .on_failure = [&] { sender.hear_refusals(false); }};
  EXPECT_EQ(sender.send_batch(batch).sent, 1U);
  EXPECT_FALSE(batch[0].forget_local);
}

TEST_P(UdpSocketTest, ADatagramWithoutAWayCostsTheNextOneNothing) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  sender.hear_refusals(true);
  const Bytes bytes = counted(100);
  std::array<Datagram, 2> datagrams;
  for (Datagram& datagram : datagrams) {
    datagram.endpoint = to(GetParam(), receiver.port());
    datagram.bytes = bytes;
  }
  // The first one's own, as often as it is tried; then what another one's ICMP error has left.
  send_fault = {.error = ENETUNREACH, .times = 5, .joined_only = false, .then_error = EHOSTUNREACH};
  EXPECT_EQ(sender.send_batch(datagrams).sent, 1U);
  EXPECT_EQ(datagrams[0].status, SendStatus::kUnreachable);
  EXPECT_EQ(datagrams[1].status, SendStatus::kSent);
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
