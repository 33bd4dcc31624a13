#include "common/net/netlink_monitor.h"

#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/net/netlink.h"
#include "common/net/netlink_message.h"
#include "tests/unit/addresses.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::net {
namespace {

template <typename Event>
std::vector<Event> only(const std::vector<NetworkEvent>& events) {
  std::vector<Event> found;
  for (const NetworkEvent& event : events) {
    if (const auto* one = std::get_if<Event>(&event)) found.push_back(*one);
  }
  return found;
}

class NetlinkMonitorTest : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (!IsSkipped()) connect_far();
  }
  static std::vector<NetworkEvent> events_of(NetlinkMonitor& monitor) {
    std::vector<NetworkEvent> events;
    monitor.read(events);
    return events;
  }
};

TEST_F(NetlinkMonitorTest, ToldOfLinks) {
  NetlinkMonitor monitor;
  EXPECT_TRUE(events_of(monitor).empty());
  shell("ip link set near mtu 1400");
  auto links = only<LinkEvent>(events_of(monitor));
  ASSERT_FALSE(links.empty());
  EXPECT_EQ(links.back().link.name, "near");
  EXPECT_EQ(links.back().link.mtu, 1400U);
  EXPECT_TRUE(links.back().link.up);

  shell("ip link set near down");
  links = only<LinkEvent>(events_of(monitor));
  ASSERT_FALSE(links.empty());
  EXPECT_FALSE(links.back().link.up);

  shell("ip link del near");
  links = only<LinkEvent>(events_of(monitor));
  ASSERT_FALSE(links.empty());
  EXPECT_EQ(links.back().happened, Happened::kRemoved);
  EXPECT_EQ(links.back().link.name, "near");
}

TEST_F(NetlinkMonitorTest, ToldOfAddressesRoutesAndRulesOfBothFamilies) {
  const std::uint32_t near = if_nametoindex("near");
  NetlinkMonitor monitor;
  for (const char* option : {"-4", "-6"}) {
    const bool is_v4 = std::strcmp(option, "-4") == 0;
    const std::string ip = std::string("ip ") + option;
    const char* address = is_v4 ? "10.1.0.1/24" : "fd01::1/64";
    const char* destination = is_v4 ? "10.20.0.0/16" : "fd20::/48";

    for (const Happened happened : {Happened::kSet, Happened::kRemoved}) {
      const std::string verb = happened == Happened::kSet ? " add " : " del ";
      shell(ip + " address" + verb + address + " dev near" +
            (is_v4 || happened == Happened::kRemoved ? "" : " nodad"));
      auto addresses = only<AddressEvent>(events_of(monitor));
      // The kernel announces a new IPv6 address when its work queue gets there (addrconf_dad_work).
      for (int i = 0; i < 200 && addresses.empty(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        addresses = only<AddressEvent>(events_of(monitor));
      }
      ASSERT_EQ(addresses.size(), 1U);
      EXPECT_EQ(addresses[0].happened, happened);
      EXPECT_EQ(addresses[0].address, (InterfaceAddress{near, prefix(address)}));

      shell(ip + " route" + verb + destination + " dev near metric 9 proto 215");
      const auto routes = only<RouteEvent>(events_of(monitor));
      ASSERT_EQ(routes.size(), 1U);
      EXPECT_EQ(routes[0].happened, happened);
      EXPECT_EQ(routes[0].route, (Route{prefix(destination), kMainTable, 9, near, kRouteProtocol}));

      shell(ip + " rule" + verb + "priority 99 table 777");
      const auto rules = only<RuleEvent>(events_of(monitor));
      ASSERT_EQ(rules.size(), 1U);
      EXPECT_EQ(rules[0].happened, happened);
      EXPECT_EQ(rules[0].rule.priority, 99U);
      EXPECT_EQ(rules[0].rule.table, 777U);
    }
  }
}

TEST_F(NetlinkMonitorTest, ReadableOnlyWhenThereIsNews) {
  NetlinkMonitor monitor;
  pollfd watched{.fd = monitor.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&watched, 1, 0), 0);
  shell("ip link set near mtu 1400");
  EXPECT_EQ(poll(&watched, 1, 0), 1);
  EXPECT_FALSE(events_of(monitor).empty());
  EXPECT_EQ(poll(&watched, 1, 0), 0);
}

TEST_F(NetlinkMonitorTest, WhatWasLostIsSaidAndTheNextIsToldAgain) {
  NetlinkMonitor monitor;
  Netlink netlink;
  const std::uint32_t near = if_nametoindex("near");
  // More than a socket buffer holds.
  for (int i = 0; i < 5000; ++i) {
    netlink.add_address({near, prefix("10.1.0.1/24")});
    netlink.remove_address({near, prefix("10.1.0.1/24")});
  }
  auto events = events_of(monitor);
  EXPECT_EQ(only<Resynchronise>(events).size(), 1U);
  EXPECT_TRUE(events_of(monitor).empty());
  netlink.add_address({near, prefix("10.2.0.1/24")});
  events = events_of(monitor);
  EXPECT_TRUE(only<Resynchronise>(events).empty());
  EXPECT_EQ(only<AddressEvent>(events).size(), 1U);
}

TEST_F(NetlinkMonitorTest, NobodyButTheKernelIsBelieved) {
  NetlinkMonitor monitor;
  sockaddr_nl address{};
  socklen_t length = sizeof address;
  ASSERT_EQ(getsockname(monitor.fd(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const FileDescriptor forger(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct {
    nlmsghdr header;
    ifinfomsg info;
  } forged{};
  forged.header.nlmsg_len = sizeof forged;
  forged.header.nlmsg_type = RTM_DELLINK;
  forged.info.ifi_index = 1;
  ASSERT_EQ(sendto(forger.get(), &forged, sizeof forged, 0, reinterpret_cast<sockaddr*>(&address), length),
            static_cast<ssize_t>(sizeof forged));
  EXPECT_TRUE(events_of(monitor).empty());
}

// The kernel would not send these; the readers must not read beyond them all the same.
TEST(NetlinkMessage, MutilatedMessagesAreNotReadBeyondTheirEnd) {
  std::mt19937 random(20261123);
  int links = 0;
  int others = 0;
  for (int i = 0; i < 200000; ++i) {
    const std::size_t length = sizeof(nlmsghdr) + 1 + random() % 120;
    // Exactly as long as it says, so that a sanitizer sees the first byte too many.
    const auto bytes = std::make_unique<std::uint8_t[]>(length);
    std::uint8_t* octets = bytes.get();
    for (std::size_t j = 0; j < length; ++j) octets[j] = static_cast<std::uint8_t>(random());
    auto* header = reinterpret_cast<nlmsghdr*>(octets);
    header->nlmsg_len = static_cast<std::uint32_t>(length);
    // A family that is looked at, and now and then attributes that seem plausible.
    octets[sizeof(nlmsghdr)] = static_cast<std::uint8_t>(random() % 2 == 0 ? AF_INET : AF_INET6);
    if (random() % 4 == 0) octets[sizeof(nlmsghdr)] = AF_UNSPEC;
    // Where they begin differs: after 8 (ifaddrmsg), 12 (rtmsg, fib_rule_hdr) or 16 bytes (ifinfomsg).
    const std::size_t fixed = 8 + 4 * (random() % 3);
    for (std::size_t at = sizeof(nlmsghdr) + fixed; at + 4 <= length; at += 8) {
      const std::uint16_t attribute_length = static_cast<std::uint16_t>(random() % 24);
      const std::uint16_t type = static_cast<std::uint16_t>(random() % 30);
      std::memcpy(octets + at, &attribute_length, 2);
      std::memcpy(octets + at + 2, &type, 2);
    }
    links += read_link(*header).has_value();
    others +=
        read_address(*header).has_value() + read_route(*header).has_value() + read_rule(*header).has_value();
  }
  // Some were whole enough to be taken: the readers were not turned away at the door.
  EXPECT_GT(links, 100);
  EXPECT_GT(others, 1000);
}

}  // namespace
}  // namespace tunneld::net
