// What others take away of what HostChanges has made, with the commands that they use.
#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/net/nftables.h"
#include "daemon/host/changes/nft_table.h"
#include "daemon/host/host_changes.h"
#include "tests/unit/addresses.h"
#include "tests/unit/host/kept_device_fixture.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr Instant kStart{1h};

const std::vector<HostChange>& plan() {
  static const std::vector<HostChange> kPlan = {
      NftTable{.name = "tunneld-kept", .rules = "chain unused {\n  counter accept\n}\n"},
      LinkUp{{"kept"}, 1420},
      AddressAdded{{"kept"}, prefix("10.8.0.1/24")},
      AddressAdded{{"kept"}, prefix("fd08::1/64")},
      RouteAdded{{"kept"}, prefix("10.20.0.0/16")},
      RouteAdded{{"kept"}, prefix("0.0.0.0/0"), 777, 50},
      RouteAdded{{"kept"}, prefix("fd20::/48")},
      RuleAdded{{.priority = 32700, .table = 777, .mark = 1, .invert = true}},
      RuleAdded{{.family = net::Family::kIpv6, .priority = 32701, .suppress_prefix_length = 0}},
  };
  return kPlan;
}

class HostRepairTest : public KeptDeviceTest {
 protected:
  void SetUp() override {
    KeptDeviceTest::SetUp();
    if (IsSkipped()) return;
    host_.emplace("kept");
    host_->become(plan());
  }
  void TearDown() override {
    host_.reset();
    KeptDeviceTest::TearDown();
  }
  /// As far as it does not change with each making.
  static std::string state() { return quick_state() + output_of("nft -s list ruleset"); }
  HostChanges::Repair repair(Instant now, HostChanges::Pauses pauses = HostChanges::Pauses::kKept) {
    return host_->repair(now, pauses);
  }

  std::optional<HostChanges> host_;
};

TEST_F(HostRepairTest, NothingMissingIsSilent) {
  const std::string before = state();
  EXPECT_THAT(host_->lacks(), IsEmpty());
  const auto done = repair(kStart);
  EXPECT_THAT(done.put_back, IsEmpty());
  EXPECT_FALSE(done.again);
  EXPECT_EQ(state(), before);
}

TEST_F(HostRepairTest, WhatOthersTakeAwayIsPutBackAndThenUndoneAsEver) {
  struct Case {
    const char* command;
    std::size_t lost;
  };
  const std::string before = state();
  const Case cases[] = {
      {"ip rule del pref 32700", 1},
      {"ip -6 rule del pref 32701", 1},
      {"nft flush ruleset", 1},
      {"nft flush table inet tunneld-kept", 1},
      {"nft flush chain inet tunneld-kept unused", 1},
      {"nft add table inet tunneld-kept '{ flags dormant; }'", 1},
      {"ip route del 10.20.0.0/16", 1},
      {"ip route flush table 777", 1},
      {"ip link set kept mtu 1400", 1},
      {"ip address del fd08::1/64 dev kept", 1},
      {"ip -6 address flush dev kept", 1},
      {"ip -4 address flush dev kept", 3},                // and with the last one, all routes
      {"ip link set kept down", 5},                       // the IPv6 address and all routes
      {"ip link set kept down; ip link set kept up", 4},  // the same, and it is up again
  };
  Instant now = kStart;
  for (const Case& one : cases) {
    SCOPED_TRACE(one.command);
    net::shell(one.command);
    EXPECT_THAT(host_->lacks(), SizeIs(one.lost));
    EXPECT_THAT(repair(now).put_back, SizeIs(one.lost));
    EXPECT_THAT(host_->lacks(), IsEmpty());
    EXPECT_EQ(state(), before);
    now += 1min;
  }
  host_.reset();
  EXPECT_THAT(state(), Not(HasSubstr("proto 215")));
  EXPECT_THAT(state(), Not(HasSubstr("tunneld-kept")));
  EXPECT_THAT(state(), Not(HasSubstr("32700:")));
  EXPECT_THAT(state(), Not(HasSubstr("32701:")));
}

TEST_F(HostRepairTest, AGuardHoldsWhereAllTablesAreFlushedAndGoesWithItsTable) {
  const auto guarded_by = [](const std::string& chain) {
    std::vector<HostChange> wanted = plan();
    auto& table = std::get<NftTable>(wanted.front());
    table.fail_closed = true;
    table.guard = "chain " + chain + " {\n  type filter hook output priority 1\n}\n";
    return wanted;
  };
  host_->become(guarded_by("closed"));
  net::shell("nft flush ruleset");
  net::shell("nft delete table inet tunneld-kept-guard || true");
  EXPECT_THAT(state(), HasSubstr("chain closed"));
  EXPECT_THAT(state(), Not(HasSubstr("chain unused")));
  EXPECT_THAT(repair(kStart).put_back, SizeIs(1));
  EXPECT_EQ(remove_all_nft_tables(), 1U);
  EXPECT_THAT(state(), HasSubstr("chain closed"));
  EXPECT_THAT(repair(kStart + 1min).put_back, SizeIs(1));

  host_->become(guarded_by("other"));
  EXPECT_THAT(state(), HasSubstr("chain other"));
  EXPECT_THAT(state(), Not(HasSubstr("chain closed")));
  host_->become(plan());
  EXPECT_THAT(state(), Not(HasSubstr("chain other")));
  host_->become(guarded_by("closed"));
  host_.reset();
  EXPECT_THAT(state(), Not(HasSubstr("tunneld-kept")));
}

TEST_F(HostRepairTest, AThingIsPutBackOnceInFiveSecondsAndAnotherMeanwhile) {
  net::shell("ip rule del pref 32700");
  EXPECT_THAT(repair(kStart).put_back, SizeIs(1));
  // Again, by a program that does not give up.
  net::shell("ip rule del pref 32700");
  auto second = repair(kStart + 1s);
  EXPECT_THAT(second.put_back, IsEmpty());
  EXPECT_THAT(second.fought_over, ElementsAre(HasSubstr("rule 32700")));
  EXPECT_EQ(second.again, kStart + 5s);
  // One warning.
  EXPECT_THAT(repair(kStart + 2s).fought_over, IsEmpty());
  EXPECT_THAT(host_->lacks(), SizeIs(1));
  // What has nothing to do with it does not wait.
  net::shell("ip -6 rule del pref 32701");
  EXPECT_THAT(repair(kStart + 3s).put_back, ElementsAre(HasSubstr("rule -6 32701")));
  EXPECT_THAT(repair(kStart + 5s).put_back, ElementsAre(HasSubstr("rule 32700")));
  // A reload does not wait.
  net::shell("ip rule del pref 32700");
  EXPECT_THAT(repair(kStart + 6s, HostChanges::Pauses::kIgnored).put_back, SizeIs(1));
}

TEST_F(HostRepairTest, OnALinkThatIsDownNothingElseIsTried) {
  net::shell("ip link set kept down");
  EXPECT_THAT(repair(kStart).put_back, SizeIs(5));
  net::shell("ip link set kept down");
  const auto second = repair(kStart + 1s);
  EXPECT_THAT(second.put_back, IsEmpty());
  EXPECT_THAT(second.refused, IsEmpty());
  EXPECT_THAT(repair(kStart + 5s).put_back, SizeIs(5));
}

TEST_F(HostRepairTest, ARouteThatStandsInTheWayIsNamedOnceAndTheRestIsPutBack) {
  net::shell("ip rule del pref 32700; ip route del 10.20.0.0/16; ip route add 10.20.0.0/16 dev other");
  const auto first = repair(kStart);
  EXPECT_THAT(first.put_back, ElementsAre(HasSubstr("rule 32700")));
  ASSERT_THAT(first.refused, SizeIs(1));
  EXPECT_THAT(first.refused[0].why, HasSubstr("dev other"));
  EXPECT_THAT(repair(kStart + 5s).refused, IsEmpty());
  net::shell("ip route del 10.20.0.0/16 dev other");
  EXPECT_THAT(repair(kStart + 10s).put_back, ElementsAre(HasSubstr("10.20.0.0/16")));
}

TEST_F(HostRepairTest, AnotherDeviceThatGotTheNameIsLeftAlone) {
  net::shell("ip link set kept down; ip link set kept name moved; ip tuntap add dev kept mode tun");
  const auto done = repair(kStart);
  // The rules need no device, and are there.
  EXPECT_THAT(done.put_back, IsEmpty());
  EXPECT_THAT(done.out_of_reach, Not(IsEmpty()));
  EXPECT_THAT(repair(kStart + 5s).out_of_reach, IsEmpty());
  std::vector<HostChange> more = plan();
  more.emplace_back(RouteAdded{{"kept"}, prefix("10.21.0.0/16")});
  EXPECT_THROW(host_->become(more), net::NetlinkError);
  host_->become(plan());
  EXPECT_THAT(output_of("ip link show kept"), HasSubstr("state DOWN"));
  EXPECT_THAT(output_of("ip -4 address show kept"), Not(HasSubstr("10.8.0.1")));
}

// It was there before and was left to its owner; once the owner takes it away, it is missing all the same.
TEST_F(HostRepairTest, WhatWasThereBeforeAndGoesIsMadeAndThenUndone) {
  host_->become({});
  net::shell("ip link set kept up mtu 1420 addrgenmode none; ip address add 10.8.0.1/24 dev kept");
  host_->become({LinkUp{{"kept"}, 1420}, AddressAdded{{"kept"}, prefix("10.8.0.1/24")}});
  net::shell("ip address del 10.8.0.1/24 dev kept");
  EXPECT_THAT(repair(kStart).put_back, SizeIs(1));
  // The device was up, and of which MTU is up to them.
  net::shell("ip link set kept mtu 1400");
  EXPECT_THAT(host_->lacks(), IsEmpty());
  net::shell("ip link set kept down");
  EXPECT_THAT(repair(kStart).put_back, SizeIs(1));
  host_.reset();
  EXPECT_THAT(output_of("ip address show kept"), Not(HasSubstr("10.8.0.1")));
}

TEST_F(HostRepairTest, KnowsItsRoutesByTableAndDestination) {
  EXPECT_TRUE(host_->has_route(net::kMainTable, prefix("10.20.0.0/16")));
  EXPECT_FALSE(host_->has_route(net::kMainTable, prefix("10.20.0.0/17")));
  EXPECT_FALSE(host_->has_route(777, prefix("10.20.0.0/16")));
  EXPECT_TRUE(host_->has_routes(777));
  EXPECT_FALSE(host_->has_routes(776));
  // Twice to one place, told apart by the metric: it is known until the last is gone.
  std::vector<HostChange> changed = plan();
  changed.emplace_back(RouteAdded{{"kept"}, prefix("0.0.0.0/0"), 777, 60});
  host_->become(changed);
  host_->become(plan());
  EXPECT_TRUE(host_->has_route(777, prefix("0.0.0.0/0")));
  std::erase(changed = plan(), HostChange(RouteAdded{{"kept"}, prefix("0.0.0.0/0"), 777, 50}));
  host_->become(changed);
  EXPECT_FALSE(host_->has_route(777, prefix("0.0.0.0/0")));
  EXPECT_FALSE(host_->has_routes(777));
}

TEST_F(HostRepairTest, TenThousandRoutesArePutBackInSeconds) {
  std::vector<HostChange> many = {LinkUp{{"kept"}, 1420}};
  for (std::uint8_t high = 0; high < 40; ++high) {
    for (unsigned low = 0; low < 250; ++low) {
      const std::array<std::uint8_t, 4> bytes{11, high, static_cast<std::uint8_t>(low), 0};
      many.emplace_back(RouteAdded{{"kept"}, {net::IpAddress::v4(bytes), 24}});
    }
  }
  host_->become(many);
  net::shell("ip link set kept down");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(repair(kStart).put_back, SizeIs(10'001));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  EXPECT_THAT(host_->lacks(), IsEmpty());
}

}  // namespace
}  // namespace tunneld::daemon
