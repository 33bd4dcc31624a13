#include "config/access_rule.h"

#include <gtest/gtest.h>

namespace tunneld::config {
namespace {

struct Case {
  const char* text;
  /// As to_string() has it; nullptr: no rule.
  const char* shown;
};

class AccessRuleText : public testing::TestWithParam<Case> {};

TEST_P(AccessRuleText, IsReadAndShownTheSameWay) {
  const auto parsed = parse_access_rule(GetParam().text);
  const auto* rule = std::get_if<AccessRule>(&parsed);
  ASSERT_EQ(rule != nullptr, GetParam().shown != nullptr);
  if (rule == nullptr) return;
  EXPECT_EQ(rule->to_string(), GetParam().shown);
  const auto again = parse_access_rule(rule->to_string());
  ASSERT_TRUE(std::holds_alternative<AccessRule>(again));
  EXPECT_EQ(std::get<AccessRule>(again), *rule);
}

INSTANTIATE_TEST_SUITE_P(
    Table, AccessRuleText,
    testing::Values(Case{"10.0.0.5", "10.0.0.5"}, Case{"10.0.0.5/32", "10.0.0.5"},
                    Case{"10.0.0.0/8", "10.0.0.0/8"}, Case{"0.0.0.0/0:53/udp", "0.0.0.0/0:53/udp"},
                    Case{"10.0.0.5:443", "10.0.0.5:443"}, Case{"10.0.0.5:443/tcp", "10.0.0.5:443/tcp"},
                    Case{"10.0.0.0/24:8000-8080/udp", "10.0.0.0/24:8000-8080/udp"},
                    Case{"10.0.0.5:443-443", "10.0.0.5:443"}, Case{"10.0.0.5/icmp", "10.0.0.5/icmp"},
                    Case{"fd00::5", "fd00::5"}, Case{"fd00::/64/tcp", "fd00::/64/tcp"},
                    Case{"[fd00::5]:443/tcp", "[fd00::5]:443/tcp"}, Case{"[fd00::5]", "fd00::5"},
                    Case{"[fd00::/64]:1-65535", "[fd00::/64]:1-65535"}, Case{"::/0/icmp", "::/0/icmp"},
                    Case{"", nullptr}, Case{"host", nullptr}, Case{"10.0.0.5:0", nullptr},
                    Case{"10.0.0.5:", nullptr}, Case{"10.0.0.5:65536", nullptr},
                    Case{"10.0.0.5:9-8", nullptr}, Case{"10.0.0.5:1-2-3", nullptr},
                    Case{"10.0.0.5/sctp", nullptr}, Case{"10.0.0.5:1/icmp", nullptr},
                    Case{"10.0.0.1/8", nullptr}, Case{"10.0.0.0/33", nullptr}, Case{"[fd00::5", nullptr},
                    Case{"[fd00::5]443", nullptr}, Case{"[fd00::]/64:1", nullptr},
                    Case{"10.0.0.5:443/tcp; accept", nullptr}, Case{"10.0.0.5:443\"/tcp", nullptr}));

}  // namespace
}  // namespace tunneld::config
