// What a file for wg-quick cannot express is said by every command that writes one.

#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/commands/client_commands.h"
#include "daemon/commands/export_command.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::daemon {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Said {
  std::string out;
  std::string errors;
};

Said said_by(const std::function<ExitCode()>& command) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const ExitCode code = command();
  Said said{testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
  EXPECT_EQ(code, ExitCode::kFine) << said.errors;
  return said;
}

class LeftOut : public testing::Test {
 protected:
  std::string config(const std::string& interface_options, const std::string& peer_options = "") {
    files_.write("own.key", std::string(config::kPrivateA) + '\n', 0600);
    return files_.write(
        "server.yaml",
        "interface: { name: left0, addresses: [10.8.0.1/24], private_key_file: own.key" + interface_options +
            " }\n"
            "server: { pool: [10.8.0.0/24], endpoint: '203.0.113.1:51820', push: { mtu: 1400 } }\n"
            "include: [peers.d/*.yaml]\n"
            "peers: [{ name: bob, public_key: '" +
            std::string(config::kPublicB) + "', address: [10.8.0.9]" + peer_options + " }]\n",
        0600);
  }

  config::TemporaryFiles files_;
};

TEST_F(LeftOut, IsSaidOfTheInterfaceItself) {
  const std::string path = config(", dns: { servers: [10.8.0.1], own_resolver: true }");
  EXPECT_THAT(said_by([&] { return export_wg_quick({.config = path, .output = ""}); }).errors,
              AllOf(HasSubstr("left out: interface.dns.own_resolver: "), Not(HasSubstr("dns.servers"))));
}

TEST_F(LeftOut, IsSaidOfAClientsFile) {
  const std::string tap = config(", type: tap");
  constexpr const char* kWords = "left out: interface.type: ";
  EXPECT_THAT(said_by([&] { return export_client({.config = tap, .name = "bob"}, "", ""); }).errors,
              HasSubstr(kWords));
  ClientAddOptions added;
  added.config = tap;
  added.name = "wg";
  added.directory = files_.path("wg");
  added.wg = true;
  EXPECT_THAT(said_by([&] { return add_client(added); }).errors, HasSubstr(kWords));
  added.name = "qr";
  added.directory = "";
  added.wg = false;
  added.qr = true;
  EXPECT_THAT(said_by([&] { return add_client(added); }).errors, HasSubstr(kWords));
  // tunneld itself has words for everything.
  added.name = "own";
  added.directory = files_.path("own");
  added.qr = false;
  EXPECT_THAT(said_by([&] { return add_client(added); }).errors, Not(HasSubstr("left out")));
}

TEST_F(LeftOut, IsNothingOfWhatTheServerOverridesForOneClient) {
  const std::string path =
      config("", ", push: { mtu: 1300, routes: [192.168.9.0/24], dns: { servers: [10.8.0.1] } }");
  const Said said = said_by([&] { return export_client({.config = path, .name = "bob"}, "", ""); });
  EXPECT_THAT(said.out,
              AllOf(HasSubstr("MTU = 1300\n"), HasSubstr("192.168.9.0/24"), HasSubstr("DNS = 10.8.0.1\n")));
  EXPECT_THAT(said.errors, Not(HasSubstr("left out")));
}

}  // namespace
}  // namespace tunneld::daemon
