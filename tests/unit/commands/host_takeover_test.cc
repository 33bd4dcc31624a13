#include <array>
#include <cstdio>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/host/host_changes.h"
#include "tests/unit/addresses.h"
#include "tests/unit/commands/every_change.h"
#include "tests/unit/host/kept_device_fixture.h"

namespace tunneld::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using LeftClosed = HostChanges::LeftClosed;

/// What `ip monitor` says of our device, our protocol and our rules while `work` is done.
template <typename Work>
std::string monitored(const Work& work) {
  FILE* const monitor = popen("timeout 3 ip monitor address route rule", "r");
  net::shell("sleep 0.5");
  work();
  std::string output;
  std::array<char, 4096> part;
  while (const std::size_t length = fread(part.data(), 1, part.size(), monitor))
    output.append(part.data(), length);
  pclose(monitor);
  return output;
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
    host.become(everything_with_changes());
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
