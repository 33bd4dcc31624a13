#include "daemon/icmp_error_reader.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/net/file_descriptor.h"
#include "common/net/udp_socket.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::daemon {
namespace {

using testing::HasSubstr;

/// What comes back to a datagram to 10.5.0.2, port 9, in a namespace where `reject` decides.
std::string answer_to_a_datagram(const std::string& reject) {
  net::shell("nft 'table ip t { chain o { type filter hook input priority 0; udp dport 9 reject with " +
             reject + "; }; }'");
  const net::FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  EXPECT_EQ(::setsockopt(socket.get(), IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
  sockaddr_storage address{};
  const std::uint32_t length = net::SocketAddress::parse("10.5.0.2:9")->to_sockaddr(address);
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  EXPECT_EQ(::send(socket.get(), "x", 1, 0), 1);
  pollfd waiting{.fd = socket.get(), .events = 0, .revents = 0};
  EXPECT_EQ(::poll(&waiting, 1, 2000), 1);
  net::shell("nft delete table ip t");
  const auto refusal = read_refusal(socket.get());
  return refusal ? words_of_refusal(*refusal) : "nothing";
}

TEST(IcmpRefusal, AFirewallIsNoHostThatIsOff) {
  const net::NetworkNamespace place;
  if (!place.works()) GTEST_SKIP() << "needs root";
  net::shell("ip address add 10.5.0.2/32 dev lo");
  for (const char* code :
       {"icmp type admin-prohibited", "icmp type host-prohibited", "icmp type net-prohibited"})
    EXPECT_THAT(answer_to_a_datagram(code),
                HasSubstr("a firewall on the way, or on that host, forbids it (ICMP from 10.5.0.2)"))
        << code;
  EXPECT_THAT(answer_to_a_datagram("icmp type port-unreachable"), HasSubstr("nothing listens there"));
  EXPECT_THAT(answer_to_a_datagram("icmp type host-unreachable"), HasSubstr("it is off"));
  EXPECT_THAT(answer_to_a_datagram("icmp type net-unreachable"),
              HasSubstr("a router on the way has no route"));
}

/// Of a datagram from a tunnel's socket to a port where nobody is.
TEST(IcmpRefusal, SaysWhereTheDatagramWentAndHowItBegan) {
  for (const char* text : {"127.0.0.1:9", "[::1]:9"}) {
    const auto to = *net::SocketAddress::parse(text);
    net::UdpSocket socket = std::move(net::open_udp_sockets({}).front());
    socket.hear_refusals(true);
    const std::array<std::uint8_t, 12> bytes = {1, 0, 0, 0, 5, 6, 7, 8, 9, 10, 11, 12};
    ASSERT_EQ(socket.send_segments({.remote = to, .local = std::nullopt}, bytes, 12, 0).sent, 1U);
    pollfd waiting{.fd = socket.fd(), .events = 0, .revents = 0};
    ASSERT_EQ(::poll(&waiting, 1, 2000), 1);
    std::array<std::uint8_t, 8> quotation{};
    const auto refusal = read_refusal(socket.fd(), quotation);
    ASSERT_TRUE(refusal);
    EXPECT_TRUE(refusal->nothing_listens());
    ASSERT_TRUE(refusal->destination);
    EXPECT_EQ(refusal->destination->to_string(), text);
    EXPECT_EQ(refusal->quoted, quotation.size());
    EXPECT_TRUE(std::equal(quotation.begin(), quotation.end(), bytes.begin()));
    EXPECT_FALSE(read_refusal(socket.fd())) << "there was one";
  }
}

TEST(IcmpRefusal, TellsIcmpv6CodesApart) {
  const auto words = [](std::uint8_t code) {
    return words_of_refusal({.error = EHOSTUNREACH, .icmp = net::Family::kIpv6, .type = 1, .code = code});
  };
  EXPECT_THAT(words(0), HasSubstr("has no route"));
  for (const int code : {1, 5, 6})
    EXPECT_THAT(words(static_cast<std::uint8_t>(code)), HasSubstr("firewall")) << code;
  EXPECT_THAT(words(3), HasSubstr("it is off"));
  EXPECT_THAT(words(4), HasSubstr("nothing listens there"));
}

TEST(IcmpRefusal, ThisHostsOwnWordsAreNotTakenForOthers) {
  EXPECT_EQ(words_of_refusal({.error = ENETUNREACH}), "this host has no route there");
  EXPECT_EQ(words_of_refusal({.error = EPERM}), "a firewall on this host forbids it");
}

}  // namespace
}  // namespace tunneld::daemon
