#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/net/interface_name.h"
#include "common/net/netlink_monitor.h"
#include "daemon/host/host_changes.h"
#include "tests/unit/addresses.h"
#include "tests/unit/commands/every_change.h"
#include "tests/unit/host/kept_device_fixture.h"

namespace tunneld::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using LeftClosed = HostChanges::LeftClosed;

/// What the kernel says of addresses, routes and rules while `work` is done, apart from the device "other", which
/// takes a while for its link-local address.
template <typename Work>
std::string monitored(const Work& work) {
  const std::uint32_t other = net::interface_index("other").value();
  net::NetlinkMonitor monitor;
  work();
  std::vector<net::NetworkEvent> events;
  monitor.read(events);
  std::string told;
  for (const net::NetworkEvent& event : events) {
    if (const auto* address = std::get_if<net::AddressEvent>(&event)) {
      if (address->address.interface_index != other)
        told += "address " + address->address.address.to_string() + "\n";
    } else if (const auto* route = std::get_if<net::RouteEvent>(&event)) {
      if (route->route.interface_index != other)
        told += "route " + route->route.destination.to_string() + "\n";
    } else if (const auto* rule = std::get_if<net::RuleEvent>(&event)) {
      told += "rule " + std::to_string(rule->rule.priority) + "\n";
    } else if (std::holds_alternative<net::Resynchronise>(event)) {
      told += "more than is known\n";
    }
  }
  return told;
}

class HostTakeoverTest : public KeptDeviceTest {
 protected:
  void SetUp() override {
    KeptDeviceTest::SetUp();
    if (IsSkipped()) return;
    before_ = host_state();
    ASSERT_EQ(in_killed_process([] {
                HostChanges host("kept");
                host.become(everything());
                host.leave_to_next();
                return 0;
              }),
              0);
  }
  std::string before_;
};

TEST_F(HostTakeoverTest, WhatIsWantedStillIsNotTouched) {
  const std::string left = quick_state();
  EXPECT_THAT(left, HasSubstr("10.20.0.0/16 dev kept"));
  {
    std::optional<HostChanges> host;
    EXPECT_EQ(monitored([&] {
                host.emplace("kept", LeftClosed::kIsTakenOver);
                host->become(everything());
              }),
              "");
    EXPECT_EQ(host->left_behind().undone, 0U);
    EXPECT_TRUE(host->lacks().empty());
    EXPECT_EQ(quick_state(), left);
  }
  EXPECT_EQ(host_state(), before_);
}

TEST_F(HostTakeoverTest, WhatIsWantedNoMoreGoesAndWhatIsNewComes) {
  {
    HostChanges host("kept", LeftClosed::kIsTakenOver);
    EXPECT_THAT(monitored([&host] { host.become(everything_with_changes()); }),
                HasSubstr("route 10.21.0.0/16"));
    const std::string changed = host_state();
    EXPECT_THAT(changed, HasSubstr("mtu 1300"));
    EXPECT_THAT(changed, HasSubstr("10.21.0.0/16 dev kept"));
    EXPECT_THAT(changed, Not(HasSubstr("10.20.0.0/16 dev kept")));
  }
  EXPECT_EQ(host_state(), before_);
}

TEST_F(HostTakeoverTest, ATableGetsTheRulesThatAreWantedNow) {
  HostChanges host("kept", LeftClosed::kIsTakenOver);
  std::vector<HostChange> wanted = everything();
  wanted.back() = NftTable{.name = "tunneld-kept", .rules = "chain other {\n}\n"};
  host.become(wanted);
  const std::string tables = output_of("nft list ruleset");
  EXPECT_THAT(tables, HasSubstr("chain other"));
  EXPECT_THAT(tables, Not(HasSubstr("chain unused")));
}

TEST_F(HostTakeoverTest, ATableThatCannotBeReplacedKeepsItsRules) {
  HostChanges host("kept", LeftClosed::kIsTakenOver);
  std::vector<HostChange> wanted = everything();
  wanted.back() = NftTable{.name = "tunneld-kept", .rules = "no such rule"};
  EXPECT_THROW(host.become(wanted), net::NetlinkError);
  EXPECT_THAT(output_of("nft list ruleset"), HasSubstr("chain unused"));
}

TEST_F(HostTakeoverTest, WhatOthersTookAwayMeanwhileIsPutBack) {
  net::shell("ip route del 10.20.0.0/16 dev kept");
  HostChanges host("kept", LeftClosed::kIsTakenOver);
  host.become(everything());
  ASSERT_EQ(host.lacks().size(), 1U);
  EXPECT_EQ(host.repair(net::boot_now(), HostChanges::Pauses::kIgnored).put_back.size(), 1U);
  EXPECT_THAT(host_state(), HasSubstr("10.20.0.0/16 dev kept"));
}

TEST_F(HostTakeoverTest, OfADeviceThatIsAnotherNowEverythingIsUndone) {
  net::shell("ip link del kept");
  make_kept();
  const HostChanges host("kept", LeftClosed::kIsTakenOver);
  EXPECT_GT(host.left_behind().undone, 0U);
  EXPECT_THAT(host_state(), Not(HasSubstr("3270")));
}

TEST_F(HostTakeoverTest, AStartThatFailsUndoesIt) {
  { const HostChanges host("kept", LeftClosed::kIsTakenOver); }
  EXPECT_EQ(host_state(), before_);
}

}  // namespace
}  // namespace tunneld::daemon
