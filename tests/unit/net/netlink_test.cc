#include "common/net/netlink.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/resource.h>

#include "tests/unit/addresses.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::net {
namespace {

using Reason = NetlinkError::Reason;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

/// The reason why `action` failed; nullopt if it did not.
template <typename Action>
std::optional<Reason> failure(const Action& action) {
  try {
    action();
    return std::nullopt;
  } catch (const NetlinkError& error) {
    return error.reason();
  }
}

class NetlinkTest : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    connect_far();
    near_index_ = if_nametoindex("near");
    netlink_.emplace();
  }
  Netlink& netlink() { return *netlink_; }
  std::uint32_t near_index_ = 0;

 private:
  std::optional<Netlink> netlink_;
};

TEST_F(NetlinkTest, ALinkIsSeenAndSet) {
  Link link = netlink().link(near_index_);
  EXPECT_EQ(link.name, "near");
  EXPECT_EQ(link.index, near_index_);
  EXPECT_EQ(link.mtu, 1500U);
  EXPECT_TRUE(link.up);
  EXPECT_TRUE(link.running);
  EXPECT_EQ(link.address_generation, 0);

  netlink().set_link(near_index_, {.mtu = 1400, .up = false, .address_generation = std::uint8_t{1}});
  link = netlink().link(near_index_);
  EXPECT_EQ(link.mtu, 1400U);
  EXPECT_FALSE(link.up);
  EXPECT_FALSE(link.running);
  EXPECT_EQ(link.address_generation, 1);

  netlink().set_link(near_index_, {.up = true});
  EXPECT_EQ(netlink().link(near_index_).mtu, 1400U);
  EXPECT_TRUE(netlink().link(near_index_).up);
}

TEST_F(NetlinkTest, WhatIsNotThereIsNotFound) {
  constexpr std::uint32_t kNone = 4711;
  EXPECT_EQ(failure([&] { (void)netlink().link(kNone); }), Reason::kNotFound);
  EXPECT_EQ(failure([&] { netlink().set_link(kNone, {.up = true}); }), Reason::kNotFound);
  EXPECT_EQ(failure([&] { netlink().add_address({kNone, prefix("10.1.0.1/24")}); }), Reason::kNotFound);
  EXPECT_EQ(failure([&] {
              netlink().remove_address({near_index_, prefix("10.1.0.1/24")});
            }),
            Reason::kNotFound);
  EXPECT_EQ(failure([&] {
              netlink().remove_route({.destination = prefix("10.1.0.0/24"), .interface_index = near_index_});
            }),
            Reason::kNotFound);
  EXPECT_EQ(failure([&] { netlink().remove_rule({.priority = 4711, .table = 4711}); }), Reason::kNotFound);
  EXPECT_THAT(netlink().addresses(kNone), IsEmpty());
  EXPECT_THAT(netlink().routes({.table = 4711}), IsEmpty());
}

TEST_F(NetlinkTest, AddressesComeAndGo) {
  for (const char* text : {"10.1.0.1/24", "10.2.0.1/31", "fd01::1/64", "fd02::1/128"}) {
    const InterfaceAddress address{near_index_, prefix(text)};
    netlink().add_address(address);
    EXPECT_THAT(netlink().addresses(near_index_), Contains(address));
    EXPECT_EQ(failure([&] { netlink().add_address(address); }), Reason::kExists) << text;
    netlink().remove_address(address);
    EXPECT_THAT(netlink().addresses(near_index_), Not(Contains(address)));
  }
  EXPECT_THAT(
      netlink().addresses(if_nametoindex("lo")),
      ElementsAre(InterfaceAddress{1, prefix("127.0.0.1/8")}, InterfaceAddress{1, prefix("::1/128")}));
}

TEST_F(NetlinkTest, RoutesComeAndGoAndAreListedByFilter) {
  for (const Route& route : std::initializer_list<Route>{
           {prefix("10.20.0.0/16"), kMainTable, 50, near_index_, kRouteProtocol},
           {prefix("0.0.0.0/0"), 70000, 7, near_index_, kRouteProtocol},
           {prefix("fd20::/48"), kMainTable, 1024, near_index_, kRouteProtocol},
           {prefix("::/0"), 777, 5, near_index_, kRouteProtocol},
       }) {
    const RouteFilter ours{.family = route.destination.address.family(), .protocol = kRouteProtocol};
    netlink().add_route(route);
    EXPECT_THAT(netlink().routes(ours), ElementsAre(route));
    RouteFilter by_place{.family = ours.family, .table = route.table, .interface_index = near_index_};
    EXPECT_THAT(netlink().routes(by_place), Contains(route));
    by_place.interface_index = 1;
    EXPECT_THAT(netlink().routes(by_place), Not(Contains(route)));
    EXPECT_EQ(failure([&] { netlink().add_route(route); }), Reason::kExists);

    Route other = route;
    other.protocol = 4;
    EXPECT_EQ(failure([&] { netlink().remove_route(other); }), Reason::kNotFound)
        << "removed another's route";
    netlink().remove_route(route);
    EXPECT_THAT(netlink().routes(ours), IsEmpty());
  }
}

TEST_F(NetlinkTest, RulesComeAndGo) {
  for (const Rule& rule : std::initializer_list<Rule>{
           {.priority = 100, .table = 777, .mark = 1, .invert = true, .protocol = kRouteProtocol},
           {.family = Family::kIpv6,
           .priority = 101,
           .table = 70000,
           .mark = 0x10,
           .mark_mask = 0xf0,
           .protocol = kRouteProtocol},
           {.family = Family::kIpv6,
           .priority = 102,
           .suppress_prefix_length = 0,
           .protocol = kRouteProtocol},
       }) {
    netlink().add_rule(rule);
    EXPECT_THAT(netlink().rules(rule.family), Contains(rule));
    EXPECT_EQ(failure([&] { netlink().add_rule(rule); }), Reason::kExists);
    Rule other = rule;
    other.protocol = 4;
    EXPECT_EQ(failure([&] { netlink().remove_rule(other); }), Reason::kNotFound) << "removed another's rule";
    netlink().remove_rule(rule);
    EXPECT_THAT(netlink().rules(rule.family), Not(Contains(rule)));
  }
}

TEST_F(NetlinkTest, ErrorsCarryTheKernelsExplanation) {
  try {
    netlink().add_route({.destination = prefix("10.20.0.1/16"), .interface_index = near_index_});
    ADD_FAILURE() << "a route with host bits was added";
  } catch (const NetlinkError& error) {
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("cannot add the route 10.20.0.1/16: Invalid argument (Invalid prefix"));
  }
}

TEST_F(NetlinkTest, AfterAFailureTheNextRequestGetsItsOwnAnswer) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(failure([&] { (void)netlink().link(4711); }), Reason::kNotFound);
    EXPECT_EQ(netlink().link(near_index_).name, "near");
  }
}

TEST_F(NetlinkTest, WithoutDescriptorsItFailsAndThenRecovers) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit none{0, limit.rlim_max};
  EXPECT_TRUE(failure([&] { (void)netlink().link(4711); }));  // lets its socket go
  setrlimit(RLIMIT_NOFILE, &none);
  const auto reason = failure([&] { (void)netlink().link(near_index_); });
  setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(reason, Reason::kOther);
  EXPECT_EQ(netlink().link(near_index_).name, "near");
}

TEST_F(NetlinkTest, ManyRoutesAreListedWhole) {
  for (std::uint8_t i = 0; i < 20; ++i) {
    for (std::uint8_t j = 0; j < 100; ++j) {
      const std::array<std::uint8_t, 4> network{11, i, j, 0};
      netlink().add_route({.destination = {IpAddress::v4(network), 24},
                           .interface_index = near_index_,
                           .protocol = kRouteProtocol});
    }
  }
  EXPECT_EQ(netlink().routes({.protocol = kRouteProtocol}).size(), 2000U);
}

}  // namespace
}  // namespace tunneld::net
