// Two tunnelds that need the same setting of the host: it is on until the last of them ends, and then as before
// the first.
#include <string>

#include <gtest/gtest.h>

#include "daemon/host/changes/sysctl.h"
#include "daemon/host/host_changes.h"
#include "tests/unit/host/run_directory_fixture.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::daemon {
namespace {

class SharedSettingsTest : public net::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    net::shell("sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.all.src_valid_mark=0");
  }
  static std::vector<HostChange> wishes() {
    return {SysctlSet{.name = "net/ipv4/conf/all/src_valid_mark", .value = "1"},
            ForwardingOn{.family = net::Family::kIpv4}};
  }
  /// "11" while both are on.
  static std::string now() {
    return read_sysctl("net/ipv4/conf/all/src_valid_mark").value() +
           read_sysctl("net/ipv4/ip_forward").value();
  }
  /// A run that has made them and goes on.
  static void run(const std::string& interface) {
    static HostChanges* host = nullptr;
    host = new HostChanges(interface);
    host->become(wishes());
  }
  static void clean_up(const std::string& interface) { const HostChanges undone(interface); }

  const TemporaryRunDirectory directory_;
};

TEST_F(SharedSettingsTest, StayWhenTheFirstEndsAndGoWithTheSecond) {
  auto first = std::make_unique<HostChanges>("a");
  first->become(wishes());
  WaitingProcess second([] { run("b"); });
  ASSERT_TRUE(second.is_ready());
  first.reset();
  EXPECT_EQ(now(), "11");
  second.kill_now();
  clean_up("b");
  EXPECT_EQ(now(), "00") << "as it was before the first";
}

TEST_F(SharedSettingsTest, StayWhenTheSecondEndsAndGoWithTheFirst) {
  WaitingProcess first([] { run("a"); });
  ASSERT_TRUE(first.is_ready());
  {
    HostChanges second("b");
    second.become(wishes());
  }
  EXPECT_EQ(now(), "11");
  first.kill_now();
  clean_up("a");
  EXPECT_EQ(now(), "00");
}

TEST_F(SharedSettingsTest, OfARunThatWasKilledAreInheritedAndOutliveItsCleanup) {
  WaitingProcess killed([] { run("a"); });
  ASSERT_TRUE(killed.is_ready());
  killed.kill_now();
  WaitingProcess next([] { run("b"); });
  ASSERT_TRUE(next.is_ready());
  clean_up("a");
  EXPECT_EQ(now(), "11");
  next.kill_now();
  clean_up("b");
  EXPECT_EQ(now(), "00");
}

TEST_F(SharedSettingsTest, OfARunThatIsBeingRestartedStay) {
  WaitingProcess restarted([] { run("a"); });
  ASSERT_TRUE(restarted.is_ready());
  {
    HostChanges other("b");
    other.become(wishes());
    restarted.kill_now();
  }
  EXPECT_EQ(now(), "11") << "the next run takes over what it finds";
  clean_up("a");
  EXPECT_EQ(now(), "00");
}

TEST_F(SharedSettingsTest, OfTwoKilledRunsGoWithTheSecondCleanup) {
  for (const char* interface : {"a", "b"}) {
    WaitingProcess killed([interface] { run(interface); });
    ASSERT_TRUE(killed.is_ready());
  }
  clean_up("b");
  EXPECT_EQ(now(), "11");
  clean_up("a");
  EXPECT_EQ(now(), "00");
}

TEST_F(SharedSettingsTest, ThatTheAdministratorHasMadeStay) {
  net::shell("sysctl -qw net.ipv4.ip_forward=1");
  {
    HostChanges host("a");
    host.become(wishes());
  }
  EXPECT_EQ(now(), "01");
}

}  // namespace
}  // namespace tunneld::daemon
