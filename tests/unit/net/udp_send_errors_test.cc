// What a send does about the kernel's errors (the head of common/net/udp_socket.h).
#include <array>
#include <cerrno>
#include <functional>
#include <utility>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/net/udp_socket.h"
#include "tests/unit/net/udp_test_sockets.h"

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

namespace tunneld::net {
namespace {

class UdpSendErrorsTest : public ::testing::TestWithParam<const char*> {
 protected:
  void TearDown() override { send_fault = {}; }
};

INSTANTIATE_TEST_SUITE_P(BothFamilies, UdpSendErrorsTest, ::testing::Values("127.0.0.1", "::1"),
                         [](const auto& param) { return param.index == 0 ? "v4" : "v6"; });

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

TEST_P(UdpSendErrorsTest, OneFailureOfADeviceDoesNotTurnJoiningOff) {
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

TEST_P(UdpSendErrorsTest, DeviceWithoutChecksumsTurnsJoiningOffForALongWhile) {
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

TEST_P(UdpSendErrorsTest, InvalidJoinedSendPausesJoining) {
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

TEST_F(UdpSendErrorsTest, KernelThatRefusesToJoinLosesNothing) {
  UdpSocket sender = open_one();
  UdpSocket receiver = open_one();
  // UDP_SEGMENT needs UDP checksums, which IPv4 lets one turn off.
  const int on = 1;
  ASSERT_EQ(::setsockopt(sender.fd(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
  const Bytes run = counted(70'000);
  EXPECT_EQ(sender.send_segments(to("127.0.0.1", receiver.port()), run, 1000, 0).sent, 70U);
  EXPECT_EQ(receive(receiver, 70).joined(), run);
}

TEST_P(UdpSendErrorsTest, FullBufferIsWaitedForThenDropped) {
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

TEST_P(UdpSendErrorsTest, FullDeviceQueueDropsAtOnce) {
  UdpSocket sender = open_one();
  send_fault = {.error = ENOBUFS, .times = 100};
  const SendResult result = sender.send_segments(to(GetParam(), 9), counted(5000), 1000, 0);
  EXPECT_EQ(send_fault.times, 99);
  EXPECT_EQ(result.dropped, 5U);
  EXPECT_EQ(result.status, SendStatus::kBusy);
}

TEST_P(UdpSendErrorsTest, ErrorOfAnEarlierDatagramIsTriedAgain) {
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

TEST_P(UdpSendErrorsTest, HeardRefusalsCostNoDatagram) {
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
TEST_P(UdpSendErrorsTest, WhatIcmpMayHaveSaidIsBelievedOnlyIfItPersists) {
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
TEST_P(UdpSendErrorsTest, WhatWasHeardBeforeHearingEndedIsNotBelievedAfterIt) {
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

TEST_P(UdpSendErrorsTest, ADatagramWithoutAWayCostsTheNextOneNothing) {
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

}  // namespace
}  // namespace tunneld::net
