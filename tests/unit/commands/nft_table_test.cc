#include "daemon/host/changes/nft_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/net/nftables.h"
#include "daemon/commands/cleanup.h"
#include "daemon/host/changes/sysctl.h"
#include "daemon/host/host_changes.h"
#include "tests/unit/host/kept_device_fixture.h"

namespace tunneld::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using LeftClosed = HostChanges::LeftClosed;

NftTable table(const std::string& rule, bool fail_closed = false) {
  return {.name = nft_table_name("kept"),
          .rules =
              "counter seen { packets 0 bytes 0 }\n"
              "chain output {\ntype filter hook output priority filter; policy accept;\n" +
              rule + "\n}\n",
          .fail_closed = fail_closed};
}

std::string ruleset() {
  return output_of("nft list ruleset");
}

class NftTableTest : public KeptDeviceTest {
 protected:
  /// A run with such a table that is killed.
  static void leave_behind(const NftTable& made) {
    ASSERT_EQ(in_killed_process([&made] {
                (new HostChanges("kept"))->become({made});
                return 0;
              }),
              0);
    ASSERT_THAT(ruleset(), HasSubstr("tunneld-kept"));
  }
};

TEST(NftName, IsAnIdentifierOfItsOwnForEachInterface) {
  EXPECT_EQ(net::nft_name("tun0"), "tun0");
  EXPECT_EQ(net::nft_name("a_b-c.d"), "a_b-c.d");
  EXPECT_EQ(net::nft_name("a+=b"), "a/2b/3db");
  EXPECT_EQ(net::nft_name("\xc3\xa9;"), "/c3/a9/3b");
}

TEST_F(NftTableTest, IsMadeChangedInPlaceAndRemoved) {
  {
    HostChanges host("kept");
    host.become({table("ip daddr 127.0.0.2 counter name seen accept")});
    net::shell("ip link set lo up; ping -c 3 -i 0.01 -q 127.0.0.2 > /dev/null");
    EXPECT_EQ(net::nft_counters("tunneld-kept").at("seen").packets, 3U);
    host.become({table("ip daddr 127.0.0.3 counter name seen accept")});
    EXPECT_THAT(ruleset(), HasSubstr("127.0.0.3"));
    EXPECT_THAT(ruleset(), Not(HasSubstr("127.0.0.2")));
    EXPECT_EQ(net::nft_counters("tunneld-kept").at("seen").packets, 3U) << "goes on where it was";
  }
  EXPECT_EQ(ruleset(), "");
}

TEST_F(NftTableTest, EveryInterfaceNameMakesATable) {
  net::Netlink netlink;
  for (const char* name : {"a+=b", "9.-_", "=", "tun0"}) {
    NftTable made = table("accept");
    made.name = nft_table_name(name);
    made.apply(netlink);
    EXPECT_EQ(net::nft_table_comment(made.name), "made by tunneld") << made.name;
    EXPECT_TRUE(remove_nft_table(made.name));
  }
  EXPECT_EQ(ruleset(), "");
}

TEST_F(NftTableTest, OfSomebodyElseIsAnErrorAndStays) {
  net::shell("nft 'add table inet tunneld-kept { comment \"mine\"; }'");
  const std::string before = host_state();
  try {
    HostChanges("kept").become({table("accept")});
    ADD_FAILURE() << "took over a table";
  } catch (const net::NetlinkError& error) {
    EXPECT_EQ(error.reason(), net::NetlinkError::Reason::kExists);
    EXPECT_THAT(error.what(), HasSubstr("tunneld-kept"));
  }
  EXPECT_EQ(host_state(), before);
  EXPECT_FALSE(remove_nft_table("tunneld-kept"));
}

TEST_F(NftTableTest, WithABrokenRuleChangesNothing) {
  HostChanges host("kept");
  host.become({table("ip daddr 127.0.0.2 accept")});
  const std::string before = ruleset();
  EXPECT_THROW(host.become({table("no such rule")}), net::NetlinkError);
  EXPECT_EQ(ruleset(), before);
}

TEST_F(NftTableTest, ThatFailsClosedStaysUntilTheNextRunHasItsOwn) {
  const std::string before = host_state();
  leave_behind(table("ip daddr 127.0.0.2 drop", true));
  {
    HostChanges host("kept", LeftClosed::kStays);
    EXPECT_THAT(ruleset(), HasSubstr("127.0.0.2")) << "undone before the new one is there";
    host.become({table("ip daddr 127.0.0.3 drop", true)});
    EXPECT_THAT(ruleset(), HasSubstr("127.0.0.3"));
    EXPECT_THAT(ruleset(), Not(HasSubstr("127.0.0.2")));
    host.stay_closed(false);
  }
  EXPECT_EQ(host_state(), before) << "after a normal end";
}

TEST_F(NftTableTest, ThatFailsClosedOutlivesAStartThatFailsAfterItsChanges) {
  leave_behind(table("ip daddr 127.0.0.2 drop", true));
  in_killed_process([] {
    HostChanges host("kept", LeftClosed::kStays);
    host.become({table("ip daddr 127.0.0.3 drop", true)});
    return 0;  // the destructor, and nobody has asked for this end
  });
  EXPECT_THAT(ruleset(), HasSubstr("127.0.0.3"));
  EXPECT_EQ(clean_up("kept"), ExitCode::kFine);
  EXPECT_EQ(ruleset(), "");
}

TEST_F(NftTableTest, ThatFailsClosedGoesWhereTheNextRunWantsNone) {
  const std::string before = host_state();
  leave_behind(table("ip daddr 127.0.0.2 drop", true));
  {
    HostChanges host("kept", LeftClosed::kStays);
    host.become({});
    EXPECT_EQ(ruleset(), "");
  }
  EXPECT_EQ(host_state(), before);
}

TEST_F(NftTableTest, ThatFailsClosedOutlivesAStartThatFailsAndGoesByCleanup) {
  const std::string before = host_state();
  leave_behind(table("ip daddr 127.0.0.2 drop", true));
  in_killed_process([] {
    const HostChanges host("kept", LeftClosed::kStays);
    return 0;
  });
  EXPECT_THAT(ruleset(), HasSubstr("127.0.0.2"));
  const int failed = in_killed_process([] {
    HostChanges host("kept", LeftClosed::kStays);
    try {
      host.become({table("ip daddr 127.0.0.3 drop", true), LinkUp{{"nosuch"}, 1420}});
    } catch (const net::NetlinkError&) {
      return 0;
    }
    return 1;
  });
  EXPECT_EQ(failed, 0);
  EXPECT_THAT(ruleset(), HasSubstr("127.0.0.3"));
  EXPECT_EQ(clean_up("kept"), ExitCode::kFine);
  EXPECT_EQ(ruleset(), "");
  std::filesystem::remove(directory_.path() / "kept.lock");
  EXPECT_EQ(host_state(), before);
}

TEST_F(NftTableTest, ThatFailsOpenIsUndoneByTheNextStart) {
  leave_behind(table("ip daddr 127.0.0.2 drop"));
  const HostChanges host("kept", LeftClosed::kStays);
  EXPECT_EQ(ruleset(), "");
}

TEST_F(NftTableTest, WhoseJournalIsLostGoesByCleanupOfAll) {
  net::Netlink netlink;
  table("accept").apply(netlink);
  net::shell("nft 'add table inet tunneld-other'");
  EXPECT_EQ(clean_up(""), ExitCode::kFine);
  EXPECT_THAT(ruleset(), Not(HasSubstr("tunneld-kept")));
  EXPECT_THAT(ruleset(), HasSubstr("tunneld-other"));
}

TEST_F(NftTableTest, ForwardingGoesBackToEveryInterfacesOwn) {
  net::shell("sysctl -qw net.ipv4.conf.other.forwarding=1 net.ipv6.conf.other.forwarding=1");
  net::shell("sysctl -qw net.ipv4.conf.all.accept_redirects=0 net.ipv6.conf.end.accept_ra=0");
  net::shell("ip link add tunnel type veth peer name far-end");
  const std::string before = host_state();
  {
    HostChanges host("kept");
    host.become({ForwardingOn{net::Family::kIpv4}, ForwardingOn{net::Family::kIpv6, "tunnel"}});
    EXPECT_EQ(read_sysctl("net/ipv4/ip_forward"), "1");
    EXPECT_EQ(read_sysctl("net/ipv6/conf/end/forwarding"), "1");
    EXPECT_EQ(read_sysctl("net/ipv6/conf/kept/accept_ra"), "2") << "its default route would be lost";
    EXPECT_EQ(read_sysctl("net/ipv6/conf/end/accept_ra"), "0") << "that one had none";
    EXPECT_EQ(read_sysctl("net/ipv6/conf/tunnel/accept_ra"), "1") << "no peer is this host's router";
    EXPECT_EQ(read_sysctl("net/ipv6/conf/other/accept_ra"), "1") << "that one forwarded already";
    net::shell("ip link add later type veth peer name latest");
  }
  net::shell("ip link del later");
  EXPECT_EQ(host_state(), before);

  net::shell("sysctl -qw net.ipv4.ip_forward=1");
  { HostChanges("kept").become({ForwardingOn{net::Family::kIpv4}}); }
  EXPECT_EQ(read_sysctl("net/ipv4/ip_forward"), "1") << "that was not ours";
}

}  // namespace
}  // namespace tunneld::daemon
