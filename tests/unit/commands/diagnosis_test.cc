// Findings from two status documents: what is certain is said, what is not is called unclear.

#include "daemon/commands/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/json.h"

namespace tunneld::daemon {
namespace {

using testing::HasSubstr;

Json status(const Json& drops, const std::vector<Json>& peers) {
  return {{"interface", {{"name", "tun0"}, {"listen_port", 51820}, {"public_key", "OUR-KEY"}}},
          {"drops", drops},
          {"peers", peers}};
}

Json peer(const char* name, const char* state, unsigned tx = 0, unsigned rx = 0) {
  return {{"name", name},
          {"public_key", std::string("key of ") + name},
          {"state", state},
          {"note", ""},
          {"endpoint", "192.0.2.1:51820"},
          {"latest_handshake_seconds_ago", 3},
          {"tx_packets", tx},
          {"rx_packets", rx}};
}

/// The findings but the first, which says that the interface is up.
std::vector<Finding> findings(const Json& before, const Json& after, const Unreachable& unreachable = {},
                              const std::string& only = {}) {
  std::vector<Finding> all = diagnose(before, after, unreachable, only);
  EXPECT_EQ(all.at(0).health, Health::kGood);
  EXPECT_THAT(all[0].words, HasSubstr("OUR-KEY"));
  all.erase(all.begin());
  return all;
}

TEST(Diagnosis, OfAHealthyTunnelIsGood) {
  const auto found = findings(status({{"forged", 7}, {"bad_mac1", 2}}, {peer("a", "up", 1, 1)}),
                              status({{"forged", 9}, {"bad_mac1", 2}}, {peer("a", "up", 5, 5)}));
  ASSERT_EQ(found.size(), 1U) << "old drops are no news, and forged packets nobody's fault";
  EXPECT_EQ(found[0].health, Health::kGood);
  EXPECT_THAT(found[0].words, HasSubstr("session with 192.0.2.1:51820, handshake 3 s ago"));
}

TEST(Diagnosis, SaysWhatThePathCarriesWhereThatIsKnown) {
  Json known = peer("a", "up", 1, 1);
  known["path"] = {{"mtu", 1392}, {"source", "probed"}, {"rtt_ms", 12.4}};
  EXPECT_THAT(findings(status({}, {known}), status({}, {known})).at(0).words,
              HasSubstr("packets of up to 1392 bytes pass, 12 ms round trip"));
  known["path"] = {{"mtu", 1220}, {"source", "black hole"}, {"rtt_ms", nullptr}};
  EXPECT_THAT(findings(status({}, {known}), status({}, {known})).at(0).words,
              HasSubstr("1220 bytes pass and larger ones are lost"));
}

Json accepting(const Json& networks, const char* allowed_ip = "10.9.0.2/32", bool more = false) {
  Json json = peer("a", "up", 5, 5);
  json["allowed_ips"] = Json::array({allowed_ip});
  json["accepts"] = {{"networks", networks}, {"more", more}};
  return json;
}

Json with_addresses(const Json& peer, const Json& addresses) {
  Json json = status({}, {peer});
  json["interface"]["addresses"] = addresses;
  return json;
}

TEST(Diagnosis, NamesAPeerThatDropsPacketsFromOurAddress) {
  const Json now = with_addresses(accepting(Json::array({"10.9.0.77/32"})), Json::array({"10.9.0.1/24"}));
  const auto found = findings(now, now);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].health, Health::kBad);
  EXPECT_THAT(found[0].words, HasSubstr("it drops packets from 10.9.0.1: there, add 10.9.0.1/32"));
  EXPECT_THAT(found[0].words, HasSubstr("(it has 10.9.0.77/32)"));
  const Json nothing = with_addresses(accepting(Json::array()), Json::array({"10.9.0.1/24"}));
  EXPECT_THAT(findings(nothing, nothing).at(0).words, HasSubstr("(it has none)"));
}

TEST(Diagnosis, CountsAddressesThatAServerHasGiven) {
  Json now = with_addresses(accepting(Json::array({"10.8.0.9/32"})), Json::array());
  now["client"] = {{"configured_by", "a"}, {"addresses", Json::array({"10.8.0.2"})}};
  EXPECT_THAT(findings(now, now).at(0).words, HasSubstr("it drops packets from 10.8.0.2"));
  now["client"] = {{"configured_by", nullptr}};
  EXPECT_EQ(findings(now, now).at(0).health, Health::kGood);
}

TEST(Diagnosis, IsContentWhereOneOfOurAddressesIsAcceptedOrNobodyKnows) {
  const Json two = Json::array({"10.9.0.1/24", "10.9.9.1/24", "fe80::1/64", "fd00::1/64"});
  const auto health = [](const Json& peer, const Json& addresses) {
    const Json now = with_addresses(peer, addresses);
    return findings(now, now).at(0).health;
  };
  EXPECT_EQ(health(accepting(Json::array({"10.9.9.0/24"})), two), Health::kGood)
      << "the second one; and IPv6 is not routed to it";
  EXPECT_EQ(health(accepting(Json::array({"10.9.0.77/32"}), "10.9.0.2/32", true), two), Health::kGood)
      << "it accepts more than it says";
  EXPECT_EQ(health(accepting(Json::array({"10.9.0.77/32"}), "fe80::2/128"), Json::array({"fe80::1/64"})),
            Health::kGood);
  EXPECT_EQ(health(accepting(Json::array({"0.0.0.0/0"})), two), Health::kGood);
  Json stock = peer("a", "up", 5, 5);
  stock["accepts"] = nullptr;
  EXPECT_EQ(health(stock, two), Health::kGood);
}

TEST(Diagnosis, DoubtsAPeerThatAcceptsNetworksButNotTheirRouter) {
  const Json now = with_addresses(accepting(Json::array({"192.168.7.0/24"})), Json::array({"10.9.0.1/24"}));
  EXPECT_EQ(findings(now, now).at(0).health, Health::kUnclear);
}

TEST(Diagnosis, NamesOurOwnClockWhenItIsBehindOrCannotBeRight) {
  Json now = status({}, {});
  now["clock"] = {{"behind_seconds", nullptr}, {"plausible", true}};
  EXPECT_TRUE(findings(now, now).empty());
  now["clock"]["behind_seconds"] = 3600;
  EXPECT_THAT(findings(now, now).at(0).words, HasSubstr("this host's clock is at least 3600 s behind"));
  now["clock"] = {{"behind_seconds", nullptr}, {"plausible", false}};
  EXPECT_THAT(findings(now, now).at(0).words, HasSubstr("this host's clock is wrong"));
}

TEST(Diagnosis, NamesAKeyThatIsUsedInTwoPlacesWhateverElseIsRight) {
  Json copied = peer("a", "up", 5, 5);
  copied["key_used_twice"] = true;
  copied["note"] = "its key is used in two places";
  const auto found = findings(status({}, {peer("a", "up", 1, 1)}), status({}, {copied}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].health, Health::kBad);
  EXPECT_THAT(found[0].words, HasSubstr("used in two places"));
}

TEST(Diagnosis, NamesOurKeyToThoseWhoCallUnderAnother) {
  const auto found = findings(status({{"bad_mac1", 2}}, {}), status({{"bad_mac1", 5}}, {}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].health, Health::kBad);
  EXPECT_THAT(found[0].words, HasSubstr("the right one is OUR-KEY (3 packets during the check)"));
}

TEST(Diagnosis, BlamesPresharedKeysOnlyWhereAnAnswerWasRefused) {
  const Json before = status({{"handshake_refused", 1}}, {});
  const auto calling = findings(before, status({{"handshake_refused", 2}}, {peer("a", "connecting")}));
  ASSERT_EQ(calling.size(), 1U);
  EXPECT_THAT(calling[0].words, HasSubstr("preshared keys differ"));
  // Nobody calls from here: it was somebody else's message that was refused.
  const auto called = findings(before, status({{"handshake_refused", 2}}, {peer("a", "up", 1, 1)}));
  ASSERT_EQ(called.size(), 2U);
  EXPECT_EQ(called[0].health, Health::kGood);
  EXPECT_THAT(called[1].words, HasSubstr("clock"));
  const auto silent = findings(before, status({{"handshake_refused", 1}}, {peer("a", "connecting")}));
  ASSERT_EQ(silent.size(), 1U);
  EXPECT_THAT(silent[0].words, HasSubstr("nothing comes back"));
}

TEST(Diagnosis, IsUnclearWhereItCannotKnow) {
  const auto found =
      findings(status({}, {peer("a", "up", 1, 1)}), status({}, {peer("a", "up", 9, 1), peer("b", "idle")}));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].health, Health::kUnclear);
  EXPECT_THAT(found[0].words, HasSubstr("nothing came back"));
  EXPECT_EQ(found[1].health, Health::kUnclear);
}

TEST(Diagnosis, SaysWhatADatagramMetAndWhatThePeerWaitsFor) {
  Json waiting = peer("a", "waiting");
  waiting["note"] = "vpn.example: no such name";
  waiting["endpoint"] = nullptr;
  const auto found = findings(status({}, {}), status({}, {waiting, peer("b", "connecting")}),
                              {{"b", "nothing listens there"}});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0], (Finding{Health::kBad, "a", "vpn.example: no such name"}));
  EXPECT_EQ(found[1], (Finding{Health::kBad, "b", "192.0.2.1:51820: nothing listens there"}));
}

TEST(Diagnosis, OfOnePeerLeavesTheOthersOut) {
  const auto found = findings(status({}, {}), status({}, {peer("a", "up"), peer("b", "up")}), {}, "b");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].peer, "b");
}

TEST(Diagnosis, SurvivesARestartInBetween) {
  const auto found = findings(status({{"bad_mac1", 9}}, {peer("a", "up", 9, 9)}),
                              status({{"bad_mac1", 0}}, {peer("a", "up", 1, 1)}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].health, Health::kGood);
}

}  // namespace
}  // namespace tunneld::daemon
