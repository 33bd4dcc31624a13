#include "daemon/commands/forward_chains.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  const auto findings = forward_findings(chain("policy drop;"), "tun0");
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].health, Health::kBad);
  EXPECT_THAT(findings[0].words, HasSubstr("chain FORWARD of table ip filter has policy drop"));
  for (const char* rule :
       {"drop", "counter drop", "counter packets 5 bytes 9 drop", "reject with icmpx admin-prohibited"}) {
    const auto of_rule = forward_findings(chain(std::string("policy accept;\n\t\t") + rule), "tun0");
    ASSERT_EQ(of_rule.size(), 1U) << rule;
    EXPECT_EQ(of_rule[0].health, Health::kBad);
  }
}

TEST(ForwardChains, OneWithOtherRulesIsUnclear) {
  const auto findings = forward_findings(chain("policy drop;\n\t\tjump DOCKER-USER"), "tun0");
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].health, Health::kUnclear);
}

TEST(ForwardChains, NothingIsSaidOfThoseThatLetTheTunnelPass) {
  EXPECT_THAT(forward_findings(chain("policy accept;"), "tun0"), IsEmpty());
  EXPECT_THAT(forward_findings(chain("policy drop;", "input"), "tun0"), IsEmpty());
  EXPECT_THAT(forward_findings(chain("policy drop;\n\t\tiifname \"tun0\" accept"), "tun0"), IsEmpty());
  EXPECT_THAT(forward_findings(chain("policy accept;\n\t\tip saddr 10.0.0.1 drop"), "tun0"), IsEmpty());
}

class ForwardChainsTest : public net::NamespaceTest {};

TEST_F(ForwardChainsTest, AreReadFromTheHost) {
  EXPECT_THAT(forward_findings("tun0"), IsEmpty());
  net::shell(
      "nft 'table inet guard { chain everything { type filter hook forward priority 0; policy drop; }; }'");
  ASSERT_EQ(forward_findings("tun0").size(), 1U);
  EXPECT_THAT(forward_findings("tun0")[0].words, HasSubstr("chain everything of table inet guard"));
}

}  // namespace
}  // namespace tunneld::daemon
