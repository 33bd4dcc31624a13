#include "daemon/switch_loops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/json.h"

namespace tunneld::daemon {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const Instant kNow{seconds(1000)};

std::string name(net::MacTable::Port port) {
  return port == 0 ? "peer site-b" : "the bridge br0";
}

protocol::Loop loop(net::MacTable::Port other, std::uint16_t vlan = 0) {
  return {.one = 0,
          .other = other,
          .station = {*net::MacAddress::parse("02:5e:10:20:30:40"), vlan},
          .since = kNow - seconds(75)};
}

TEST(SwitchLoops, BothPortsAStationAndWhatToDoAreNamed) {
  EXPECT_THAT(in_words(loop(9), name),
              AllOf(HasSubstr("behind peer site-b and the bridge br0, for example 02:5e:10:20:30:40:"),
                    HasSubstr("'stp: true'"), HasSubstr("second connection"), Not(HasSubstr("VLAN"))));
  EXPECT_THAT(in_words(loop(9, 7), name), HasSubstr("02:5e:10:20:30:40 of VLAN 7"));
}

TEST(SwitchLoops, StatusAndDoctorSayTheSame) {
  Json status{{"interface", {{"switch", {{"loops", loops_status({loop(9)}, name, kNow)}}}}}};
  const Json& listed = status["interface"]["switch"]["loops"].at(0);
  EXPECT_EQ(listed["ports"], (Json{"peer site-b", "the bridge br0"}));
  EXPECT_EQ(listed["station"], "02:5e:10:20:30:40");
  EXPECT_EQ(listed["seconds"], 75);
  EXPECT_EQ(render_loops(status), "LOOP: " + in_words(loop(9), name) + "\n");
  const auto findings = diagnose_loops(status);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0], (Finding{Health::kBad, "", in_words(loop(9), name)}));

  status["interface"]["switch"]["loops"] = loops_status({}, name, kNow);
  EXPECT_EQ(render_loops(status), "");
  EXPECT_TRUE(diagnose_loops(status).empty());
  status["interface"].erase("switch");  // a tun, or an older daemon
  EXPECT_EQ(render_loops(status), "");
  EXPECT_TRUE(diagnose_loops(status).empty());
}

TEST(SwitchLoops, OneThatComesAndGoesIsNoFloodInTheLog) {
  LoopLog log;
  Instant now = kNow;
  std::size_t lines = 0;
  for (; now < kNow + minutes(30); now += seconds(30)) lines += log.worth_telling({loop(9)}, now).size();
  EXPECT_EQ(lines, 3U);
  // Nor are as many as a peer can cause.
  lines = 0;
  for (net::MacTable::Port port = 100; port < 1100; ++port)
    lines += log.worth_telling({loop(port)}, now).size();
  EXPECT_EQ(lines, 5U);
  EXPECT_EQ(log.worth_telling({loop(2000)}, now + minutes(1)).size(), 1U);
}

}  // namespace
}  // namespace tunneld::daemon
