#include "common/net/nft_watch.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "tests/unit/net/network_namespace.h"

namespace tunneld::net {
namespace {

class NftWatchTest : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    make();
  }
  static void make() {
    shell(
        "nft 'table inet ours { counter c {}; map m { type ipv4_addr : verdict; }; "
        "chain a { counter name c accept; drop; }; chain b { accept; }; }'");
  }
};

TEST_F(NftWatchTest, OnlyWhatOthersChangeInTheTableMakesADifference) {
  const auto made = nft_table_state("ours");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->rules.size(), 3U);
  EXPECT_EQ(nft_table_state("ours"), made);
  shell("nft 'table inet other { chain a { accept; }; }'; nft 'table ip ours { chain a { accept; }; }'");
  shell("nft reset counters table inet ours; nft add element inet ours m '{ 10.0.0.1 : accept }'");
  EXPECT_EQ(nft_table_state("ours"), made);

  for (const char* command :
       {"nft flush chain inet ours b", "nft delete table inet ours",
        "nft add table inet ours '{ flags dormant; }'", "nft flush table inet ours", "nft flush ruleset"}) {
    SCOPED_TRACE(command);
    shell("nft delete table inet ours 2>/dev/null; true");
    make();
    const auto before = nft_table_state("ours");
    shell(command);
    EXPECT_NE(nft_table_state("ours"), before);
  }
  // The very same again, by another, is another.
  make();
  const auto before = nft_table_state("ours");
  shell("nft delete table inet ours");
  EXPECT_FALSE(nft_table_state("ours"));
  make();
  EXPECT_NE(nft_table_state("ours"), before);
}

TEST_F(NftWatchTest, TellsOfOneTableAndWhoChangedIt) {
  NftMonitor monitor;
  ASSERT_GE(monitor.fd(), 0);
  EXPECT_FALSE(monitor.read("ours"));
  shell("nft 'table inet other { chain a { accept; }; }'");
  EXPECT_FALSE(monitor.read("ours"));
  shell("nft flush ruleset");
  pollfd waiting{.fd = monitor.fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&waiting, 1, 5000), 1);
  const auto notice = monitor.read("ours");
  ASSERT_TRUE(notice);
  EXPECT_NE(notice->requester, 0U);
  EXPECT_FALSE(monitor.read("ours"));
}

TEST_F(NftWatchTest, ABurstThatOverflowsIsNotMissed) {
  NftMonitor monitor;
  ASSERT_GE(monitor.fd(), 0);
  shell("for i in $(seq 3000); do echo add rule inet ours b counter accept; done | nft -f -");
  EXPECT_TRUE(monitor.read("ours"));
  EXPECT_FALSE(monitor.read("ours"));
}

}  // namespace
}  // namespace tunneld::net
