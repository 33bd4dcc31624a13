// What `tunneld wait` finds missing in a status document. Waiting itself is tested end to end.
#include "daemon/commands/wait_command.h"

#include <gtest/gtest.h>

#include "daemon/commands/control_client.h"

namespace tunneld::daemon {
namespace {

Json status_with(const std::string& state, const std::string& note = "") {
  return {{"interface", {{"name", "tun0"}}},
          {"peers", Json::array({{{"name", "office"}, {"state", state}, {"note", note}}})}};
}

TEST(WaitCommand, ASessionWithAnyPeerIsEnough) {
  Json status = status_with("connecting");
  EXPECT_TRUE(missing_in(status, false));
  status["peers"].push_back({{"name", "home"}, {"state", "up"}, {"note", ""}});
  EXPECT_EQ(missing_in(status, false), std::nullopt);
}

TEST(WaitCommand, SaysWhatKeepsThePeers) {
  EXPECT_EQ(missing_in(status_with("waiting", "office.example: no such name"), false),
            "tun0: no session with a peer; office: waiting (office.example: no such name)");
}

TEST(WaitCommand, SaysWhyNobodyCallsAnIdlePeer) {
  const auto missing = missing_in(status_with("idle"), false);
  ASSERT_TRUE(missing);
  EXPECT_NE(missing->find("persistent_keepalive"), std::string::npos) << *missing;
}

TEST(WaitCommand, ARefusedPeerIsNoTunnel) {
  EXPECT_TRUE(missing_in(status_with("refused", "a tun does not fit a tap"), false));
}

TEST(WaitCommand, ASessionIsNoConfigurationYet) {
  Json status = status_with("up");
  status["client"] = {{"configured_by", nullptr}};
  EXPECT_EQ(missing_in(status, true), "tun0: no configuration from a server");
  status["client"]["configured_by"] = "office";
  EXPECT_EQ(missing_in(status, true), std::nullopt);
}

TEST(WaitCommand, WhoIsNoClientIsNeverConfigured) {
  try {
    (void)missing_in(status_with("up"), true);
    FAIL() << "waits for what never comes";
  } catch (const ControlError& error) {
    EXPECT_EQ(error.code(), ExitCode::kBadUsage);
  }
}

TEST(WaitCommand, ATimeoutHasAUnit) {
  EXPECT_THROW((void)wait_for_tunnel({.interface = "tun0", .timeout = "30"}), ControlError);
}

}  // namespace
}  // namespace tunneld::daemon
