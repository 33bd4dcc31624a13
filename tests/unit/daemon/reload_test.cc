// Reading the configuration again: what waits for a restart runs on as it was, and each is named.

#include "daemon/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/parse.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Reload : public testing::Test {
 protected:
  Reload() { files_.write("a.key", std::string(config::kPrivateA) + '\n', 0600); }

  std::string write(const std::string& text) const { return files_.write("config.yaml", text); }
  static config::Config running(const std::string& path) { return config::parse_file(path).config.value(); }
  /// As if the daemon ran with `before` when the file becomes `after`.
  ReadAgain reload(const std::string& before, const std::string& after,
                   std::string_view public_key = config::kPublicA) const {
    const config::Config config = running(write(before));
    return read_again(write(after), config, crypto::PublicKey::from_base64(public_key).value());
  }

  const config::TemporaryFiles files_;
  const std::string plain_ = "interface: { name: tun0, private_key_file: a.key }\n";
};

TEST_F(Reload, TakesWhatCanChange) {
  const ReadAgain read = reload(plain_, plain_ + "routes: { metric: 5 }\nlog: { level: debug }\n");
  EXPECT_THAT(read.notes, IsEmpty());
  EXPECT_EQ(read.config.routes.metric, 5U);
  EXPECT_EQ(read.config.log.level, config::LogLevel::kDebug);
}

TEST_F(Reload, KeepsAndNamesWhatNeedsARestart) {
  const ReadAgain read =
      reload(plain_,
             "interface: { name: tun0, private_key_file: a.key, listen_port: 1, offload: off, mtu: 1400 }\n"
             "crypto: { engine: libsodium }\nworkers: 2\n");
  EXPECT_THAT(read.notes, ElementsAre("interface.listen_port has changed: it takes effect after a restart",
                                      "interface.offload has changed: it takes effect after a restart",
                                      "crypto has changed: it takes effect after a restart",
                                      "workers has changed: it takes effect after a restart"));
  EXPECT_EQ(read.config.interface.listen_port, std::nullopt);
  EXPECT_EQ(read.config.interface.offload, config::AutoOff::kAuto);
  EXPECT_EQ(read.config.crypto, config::CryptoConfig());
  EXPECT_EQ(read.config.workers, std::nullopt);
  EXPECT_EQ(read.config.interface.mtu, 1400);
}

TEST_F(Reload, SaysWhatAStartWouldWarnOf) {
  const std::string peer = "peers: [{ name: b, public_key: \"" + std::string(config::kPublicB) +
                           "\", endpoints: [\"203.0.113.2:1\"], allowed_ips: [\"0.0.0.0/0\"";
  const ReadAgain read = reload(plain_ + peer + ", \"::/0\"] }]\n", plain_ + peer + "] }]\n");
  EXPECT_THAT(read.notes, ElementsAre(HasSubstr("warning: ")));
}

TEST_F(Reload, KeepsTheRoleOfTheHost) {
  const ReadAgain read = reload(plain_ + "client: { kill_switch: true }\n", plain_ + "server: {}\n");
  EXPECT_THAT(read.notes, ElementsAre(HasSubstr("this host's role")));
  EXPECT_FALSE(read.config.server);
  ASSERT_TRUE(read.config.client);
  EXPECT_TRUE(read.config.client->value.kill_switch);
}

TEST_F(Reload, NamesAnotherPrivateKey) {
  EXPECT_THAT(reload(plain_, plain_, config::kPublicB).notes,
              ElementsAre("the private key has changed: it takes effect after a restart"));
}

TEST_F(Reload, RefusesAnotherInterfaceAndAFileThatIsWrong) {
  EXPECT_THROW(reload(plain_, "interface: { name: tun1, private_key_file: a.key }\n"), ReloadError);
  EXPECT_THROW(reload(plain_, plain_ + "workers: many\n"), ReloadError);
}

}  // namespace
}  // namespace tunneld::daemon
