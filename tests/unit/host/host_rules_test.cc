// Whose a routing rule is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/host/host_changes.h"
#include "tests/unit/host/kept_device_fixture.h"

namespace tunneld::daemon {
namespace {

using ::testing::HasSubstr;

class HostRulesTest : public KeptDeviceTest {};

// systemd-networkd removes all rules but those that say that the kernel made them.
TEST_F(HostRulesTest, RulesAreLikeTheKernelsAndOfTheirKindOnlyOursGo) {
  const HostChange ours = RuleAdded{{.priority = 32700, .table = 777, .mark = 1, .invert = true}};
  net::shell("ip rule add priority 32700 not fwmark 1 table 778 protocol kernel");
  net::shell("ip rule add priority 32699 not fwmark 1 table 777 protocol kernel");
  const std::string before = output_of("ip -d rule");
  {
    HostChanges host("kept");
    host.make(ours);
    EXPECT_THAT(output_of("ip -d rule"),
                HasSubstr("32700:\tnot from all fwmark 0x1 lookup 777 proto kernel"));
  }
  EXPECT_EQ(output_of("ip -d rule"), before);
}

TEST_F(HostRulesTest, ARuleOfAnEarlierVersionIsUndoneToo) {
  const std::string before = output_of("ip -d rule");
  ASSERT_EQ(in_killed_process([] {
              (new HostChanges("kept"))->make(RuleAdded{{.priority = 32700, .table = 777}});
              return 0;
            }),
            0);
  net::shell("ip rule del priority 32700; ip rule add priority 32700 table 777 protocol 215");
  { HostChanges host("kept"); }
  EXPECT_EQ(output_of("ip -d rule"), before);
}

TEST_F(HostRulesTest, WithoutAJournalOursAreKnownByTheirPriorityAndMaker) {
  const auto is_ours = [](std::uint32_t priority, std::uint8_t protocol) {
    return is_our_rule({.priority = priority, .table = 51820, .protocol = protocol});
  };
  constexpr std::uint8_t kBoot = 3;  // RTPROT_BOOT: of ip(8)
  EXPECT_TRUE(is_ours(kFirstRulePriority, net::kRuleProtocol));
  EXPECT_TRUE(is_ours(kLastRulePriority, net::kRuleProtocol));
  EXPECT_TRUE(is_ours(5, net::kRouteProtocol));
  EXPECT_FALSE(is_ours(kFirstRulePriority, kBoot));
  for (const net::Rule& kernels : net::Netlink().rules(net::Family::kIpv4))
    EXPECT_FALSE(is_our_rule(kernels));
  EXPECT_FALSE(is_ours(1000, net::kRuleProtocol));
}

}  // namespace
}  // namespace tunneld::daemon
