#include "daemon/host_status.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include "common/json.h"
#include "daemon/host/host_watch.h"
#include "tests/unit/host/kept_device_fixture.h"
#include "tests/unit/host/set_clock.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class HostStatusTest : public KeptDeviceTest {
 protected:
  void SetUp() override {
    KeptDeviceTest::SetUp();
    if (IsSkipped()) return;
    host_.emplace("kept");
    host_->become({NftTable{.name = "tunneld-kept", .rules = "chain unused {\n}\n"}, LinkUp{{"kept"}, 1420},
                   RouteAdded{{"kept"}, net::IpPrefix::parse("0.0.0.0/0").value(), 777},
                   RuleAdded{{.priority = 32700, .table = 777, .mark = 1, .invert = true}}});
    watch_.emplace(io_, clock_, *host_, "kept", if_nametoindex("kept"));
    SetClock::read_all(io_);
    clock_.advance(100ms);
  }
  /// Until `words` stands in the status' last; false after 5 s.
  bool put_back(const char* words) {
    return clock_.advance_until(io_, 5s, [&] {
      const auto last = status().at("last");
      return !last.is_null() && last.at("what").get<std::string>().find(words) != std::string::npos;
    });
  }
  Json status() { return host_status(*watch_); }
  static Json document(const Json& host) { return {{"host", host}}; }

  boost::asio::io_context io_;
  SetClock clock_;
  std::optional<HostChanges> host_;
  std::optional<HostWatch> watch_;
};

TEST_F(HostStatusTest, NothingMissingIsNotWorthALine) {
  EXPECT_EQ(status(), (Json{{"missing", Json::array()},
                            {"missing_count", 0},
                            {"error", nullptr},
                            {"put_back", 0},
                            {"last", nullptr}}));
  EXPECT_EQ(render_host(document(status())), "");
  EXPECT_THAT(diagnose_host(document(status()), document(status())), IsEmpty());
  // A daemon of an earlier version says nothing of it.
  EXPECT_THAT(diagnose_host({}, {}), IsEmpty());
}

TEST_F(HostStatusTest, WhatIsMissingNowIsNamedAndDoctorFails) {
  net::shell("ip rule del pref 32700");
  const auto missing = status();  // before the watch has had a turn
  EXPECT_THAT(missing.at("missing"), ElementsAre(StartsWith("rule 32700")));
  EXPECT_THAT(render_host(document(missing)), StartsWith("MISSING on this host: rule 32700"));
  EXPECT_THAT(diagnose_host(document(missing), document(missing)),
              ElementsAre(AllOf(Field(&Finding::health, Health::kBad),
                                Field(&Finding::words, HasSubstr("rule 32700")))));
}

TEST_F(HostStatusTest, ATakenRuleTableAndLinkArePutBackAsTheKernelTellsOfThem) {
  const auto before = status();
  net::shell("ip rule del pref 32700");
  EXPECT_TRUE(put_back("rule 32700"));
  net::shell("nft flush ruleset");
  EXPECT_TRUE(put_back("nft table inet tunneld-kept"));
  net::shell("ip link set kept down");
  EXPECT_TRUE(put_back("link kept up"));
  net::shell("ip route replace default dev other table 777");
  EXPECT_THAT(status().at("missing"), ElementsAre(HasSubstr("route 0.0.0.0/0")));
  const auto after = status();
  EXPECT_EQ(after.at("put_back"), 4);  // the link took the route along
  EXPECT_THAT(diagnose_host(document(before), document(after)).back().words, HasSubstr("link kept up"));
}

TEST_F(HostStatusTest, WhoHasTakenItAwayIsNamed) {
  // It waits for more to do, so that there is somebody to ask for the name.
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> ip(::popen("exec ip -batch -", "w"), ::pclose);
  std::fputs("rule del pref 32700\n", ip.get());
  std::fflush(ip.get());
  ASSERT_TRUE(put_back("rule 32700"));
  EXPECT_THAT(status().at("last").at("by").get<std::string>(), StartsWith("ip (process "));
  EXPECT_THAT(render_host(document(status())), HasSubstr("ip (process "));
}

TEST_F(HostStatusTest, ARouteThatWasReplacedInTheMainTableIsPutBackWhenItsPlaceIsFree) {
  host_->become({LinkUp{{"kept"}, 1420}, RouteAdded{{"kept"}, net::IpPrefix::parse("10.70.0.0/16").value()}});
  SetClock::read_all(io_);
  clock_.advance(100ms);
  net::shell("ip route replace 10.70.0.0/16 dev other; ip route del 10.70.0.0/16 dev other");
  EXPECT_TRUE(put_back("route 10.70.0.0/16"));
}

TEST_F(HostStatusTest, WhatIsOthersLeadsToNothing) {
  net::shell("ip rule add pref 32600 table 778; ip rule del pref 32600; ip route del 10.60.0.0/16");
  net::shell("nft add table inet other; nft delete table inet other; ip link set other down");
  SetClock::read_all(io_);
  clock_.advance(10s);
  EXPECT_EQ(status().at("put_back"), 0);
}

TEST_F(HostStatusTest, ALongListIsCut) {
  Json host = status();
  host["missing"] = {"a", "b"};
  host["missing_count"] = 9;
  EXPECT_EQ(render_host(document(host)), "MISSING on this host: a, b and 7 more\n");
}

}  // namespace
}  // namespace tunneld::daemon
