// What doctor says of a host that is to forward, or is asked to, and does not.

#include "daemon/commands/forwarding_off.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/json.h"

namespace tunneld::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// With one more member.
Json status_of(const char* name = nullptr, const Json& value = nullptr) {
  Json status{{"interface", {{"addresses", std::vector<std::string>{"10.9.0.1/24"}}}}};
  if (name != nullptr) status[name] = value;
  return status;
}

Forwarding forwarding(bool is_on, std::uint64_t refused) {
  return {.ipv4 = {.is_on = is_on, .refused = refused}, .ipv6 = {}};
}

TEST(ForwardingOff, IsSaidWhereItIsToBeOn) {
  const auto found =
      forwarding_findings(status_of("forwarding", true), forwarding(false, 3), forwarding(false, 3));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].health, Health::kBad);
  EXPECT_THAT(found[0].words,
              HasSubstr("forwarding is off on this host (net.ipv4.ip_forward = 0): somebody"));
  EXPECT_THAT(forwarding_findings(status_of("forwarding", true), forwarding(true, 3), forwarding(true, 9)),
              IsEmpty());
}

TEST(ForwardingOff, OtherwiseOnlyPacketsForOthersAreASign) {
  EXPECT_THAT(forwarding_findings(status_of(), forwarding(false, 3), forwarding(false, 3)), IsEmpty());
  const auto found = forwarding_findings(status_of(), forwarding(false, 3), forwarding(false, 9));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].health, Health::kUnclear);
  EXPECT_THAT(found[0].words, HasSubstr("6 packets for other machines were dropped during the check: add "
                                        "'forwarding: { enabled: true }'"));
  EXPECT_THAT(
      forwarding_findings(status_of("client", Json::object()), forwarding(false, 3), forwarding(false, 9)),
      IsEmpty());
}

TEST(ForwardingOff, EachFamilyHasItsOwnSwitch) {
  const Forwarding before{.ipv4 = {}, .ipv6 = {.is_on = false, .refused = 1}};
  const Forwarding after{.ipv4 = {}, .ipv6 = {.is_on = false, .refused = 2}};
  EXPECT_THAT(forwarding_findings(status_of("forwarding", true), before, before), IsEmpty())
      << "the tunnel has no IPv6";
  EXPECT_THAT(forwarding_findings(status_of(), before, after).at(0).words,
              HasSubstr("net.ipv6.conf.all.forwarding = 0"));
}

}  // namespace
}  // namespace tunneld::daemon
