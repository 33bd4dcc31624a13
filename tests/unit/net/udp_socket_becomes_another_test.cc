// A socket takes another port under the same descriptor, while somebody waits for it.
#include <array>
#include <string_view>

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include "common/net/udp_socket.h"

namespace tunneld::net {
namespace {

Endpoint loopback(std::uint16_t port) {
  return {.remote = {.address = *IpAddress::parse("127.0.0.1"), .port = port, .scope_id = 0},
          .local = std::nullopt,
          .local_interface = 0};
}

TEST(UdpSocket, TakesAnotherPortUnderTheSameDescriptor) {
  auto here = open_udp_sockets({});
  auto there = open_udp_sockets({});
  const FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{.events = EPOLLIN, .data = {.fd = here[0].fd()}};
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, here[0].fd(), &event), 0);
  const int descriptor = here[0].fd();
  const std::uint16_t before = here[0].port();
  {
    const auto fresh = open_udp_sockets({});
    ASSERT_FALSE(here[0].become(fresh[0]));
    EXPECT_EQ(here[0].port(), fresh[0].port());
  }
  EXPECT_EQ(here[0].fd(), descriptor);
  EXPECT_NE(here[0].port(), before);
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, here[0].fd(), &event), 0) << "registered once more";

  constexpr std::array<std::uint8_t, 2> kHello{1, 2};
  EXPECT_EQ(here[0].send_segments(loopback(there[0].port()), kHello, 2, 0).sent, 1U);
  EXPECT_EQ(there[0].send_segments(loopback(here[0].port()), kHello, 2, 0).sent, 1U);
  ASSERT_EQ(::epoll_wait(epoll.get(), &event, 1, 2000), 1);
  ReceiveBatch batch;
  EXPECT_EQ(here[0].receive(batch), 1U);
  ASSERT_EQ(there[0].receive(batch), 1U);
  EXPECT_EQ(batch[0].from.parse().remote.port, here[0].port()) << "it leaves from the new one";
  EXPECT_EQ(open_udp_sockets({.port = before})[0].port(), before) << "the old one is free";
}

}  // namespace
}  // namespace tunneld::net
