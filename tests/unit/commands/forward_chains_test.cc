#include "daemon/commands/forward_chains.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/json.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string chain(const std::string& statements, const std::string& hook = "forward") {
  return "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook " + hook + " priority filter; " +
         statements + "\n\t}\n}\n";
}

TEST(ForwardChains, OneThatDropsAllIsNamed) {
  const auto findings = forward_findings(chain("policy drop;"), "tun0", Forwards::kAsked);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].health, Health::kBad);
  EXPECT_THAT(findings[0].words, HasSubstr("chain FORWARD of table ip filter has policy drop"));
  for (const char* rule :
       {"drop", "counter drop", "counter packets 5 bytes 9 drop", "reject with icmpx admin-prohibited"}) {
    const auto of_rule =
        forward_findings(chain(std::string("policy accept;\n\t\t") + rule), "tun0", Forwards::kAsked);
    ASSERT_EQ(of_rule.size(), 1U) << rule;
    EXPECT_EQ(of_rule[0].health, Health::kBad);
  }
}

TEST(ForwardChains, OneWithOtherRulesIsUnclear) {
  const auto findings =
      forward_findings(chain("policy drop;\n\t\tjump DOCKER-USER"), "tun0", Forwards::kAsked);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].health, Health::kUnclear);
}

TEST(ForwardChains, NothingIsSaidOfThoseThatLetTheTunnelPass) {
  EXPECT_THAT(forward_findings(chain("policy accept;"), "tun0", Forwards::kAsked), IsEmpty());
  EXPECT_THAT(forward_findings(chain("policy drop;", "input"), "tun0", Forwards::kAsked), IsEmpty());
  EXPECT_THAT(forward_findings(chain("policy drop;\n\t\tiifname \"tun0\" accept"), "tun0", Forwards::kAsked),
              IsEmpty());
  EXPECT_THAT(forward_findings(chain("policy accept;\n\t\tip saddr 10.0.0.1 drop"), "tun0", Forwards::kAsked),
              IsEmpty());
  const char* const map = "policy drop;\n\t\tiifname vmap { \"tun0\" : accept, \"eth0\" : drop }";
  EXPECT_THAT(forward_findings(chain(map), "tun0", Forwards::kAsked), IsEmpty());
}

TEST(ForwardChains, ARuleThatNamesTheDeviceAndDropsLetsNothingPass) {
  for (const char* rules :
       {"policy drop;\n\t\tiifname \"tun0\" drop", "policy accept;\n\t\tiifname \"tun0\" drop",
        "policy accept;\n\t\toifname \"tun0\" counter packets 5 bytes 9 reject with icmpx admin-prohibited",
        "policy drop;\n\t\tiifname \"tun0\" ip daddr 10.0.0.1 log prefix \"x\" drop comment \"for tun0\"",
        "policy drop;\n\t\tiifname \"eth0\" drop"}) {
    const auto findings = forward_findings(chain(rules), "tun0", Forwards::kAsked);
    ASSERT_EQ(findings.size(), 1U) << rules;
    EXPECT_EQ(findings[0].health, Health::kBad) << rules;
  }
  EXPECT_THAT(forward_findings(chain("policy accept;\n\t\tiifname \"tun1\" drop"), "tun0", Forwards::kAsked),
              IsEmpty());
  EXPECT_THAT(
      forward_findings(chain("policy accept;\n\t\tiifname != \"tun0\" drop"), "tun0", Forwards::kAsked),
      IsEmpty());
}

Json status_of(const std::vector<const char*>& addresses, const std::vector<const char*>& allowed_ips) {
  Json status{{"interface", {{"addresses", Json::array()}}}, {"peers", Json::array()}};
  for (const char* address : addresses) status["interface"]["addresses"].push_back(address);
  for (const char* network : allowed_ips)
    status["peers"].push_back({{"allowed_ips", Json::Array{Json(network)}}});
  return status;
}

TEST(ForwardChains, AreLookedAtWhereverTheHostForwardsForTheTunnel) {
  const Json site = status_of({"10.9.0.1/24"}, {"192.168.9.0/24"});
  EXPECT_EQ(forwards_for_tunnel(site, true), Forwards::kPerhaps);
  EXPECT_EQ(forwards_for_tunnel(site, false), Forwards::kNot);
  const Json hub = status_of({"10.9.0.1/24"}, {"10.9.0.2/32", "10.9.0.3/32"});
  EXPECT_EQ(forwards_for_tunnel(hub, true), Forwards::kPerhaps);
  for (const char* network : {"10.9.0.0/24", "10.9.0.2/32", "0.0.0.0/0"})
    EXPECT_EQ(forwards_for_tunnel(status_of({"10.9.0.1/24"}, {network}), true), Forwards::kNot) << network;
  Json other = site;
  other["client"] = Json::object();
  EXPECT_EQ(forwards_for_tunnel(other, true), Forwards::kNot);
  other = status_of({"10.9.0.1/24"}, {});
  other["server"] = Json::object();
  EXPECT_EQ(forwards_for_tunnel(other, true), Forwards::kPerhaps);
  other["forwarding"] = true;
  EXPECT_EQ(forwards_for_tunnel(other, false), Forwards::kAsked);
}

TEST(ForwardChains, WhereTheHostPerhapsForwardsNothingIsCertain) {
  const auto findings = forward_findings(chain("policy drop;"), "tun0", Forwards::kPerhaps);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].health, Health::kUnclear);
  EXPECT_THAT(forward_findings(chain("policy drop;"), "tun0", Forwards::kNot), IsEmpty());
}

class ForwardChainsTest : public net::NamespaceTest {};

TEST_F(ForwardChainsTest, AreReadFromTheHost) {
  EXPECT_THAT(forward_findings("tun0", Forwards::kAsked), IsEmpty());
  net::shell(
      "nft 'table inet guard { chain everything { type filter hook forward priority 0; policy drop; }; }'");
  ASSERT_EQ(forward_findings("tun0", Forwards::kAsked).size(), 1U);
  EXPECT_THAT(forward_findings("tun0", Forwards::kAsked)[0].words,
              HasSubstr("chain everything of table inet guard"));
}

}  // namespace
}  // namespace tunneld::daemon
