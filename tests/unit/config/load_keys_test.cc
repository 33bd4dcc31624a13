// The second step of loading: keys are read where the configuration says, and mistakes point at the line that
// says so.

#include "config/load_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/parse.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class LoadKeys : public testing::Test {
 protected:
  LoadKeys() { files_.write("a.key", std::string(kPrivateA) + '\n', 0600); }

  Config parse(const std::string& peers) {
    const std::string text = "interface:\n  name: tun0\n  private_key_file: a.key\n" + peers;
    ParseResult result = parse_file(files_.write("config.yaml", text));
    EXPECT_TRUE(result.config) << to_string(result.diagnostics);
    return result.config.value_or(Config());
  }
  static std::string peer(const std::string& name, std::string_view key, const std::string& more = "") {
    return "  - { name: " + name + ", public_key: \"" + std::string(key) + '"' + more + " }\n";
  }

  TemporaryFiles files_;
};

TEST_F(LoadKeys, ReadsThePrivateKeyAndEachPresharedKey) {
  files_.write("b.psk", std::string(kPrivateA), 0600);
  const Config config =
      parse("peers:\n" + peer("c", kPublicC) + peer("b", kPublicB, ", preshared_key_file: b.psk"));
  const KeysResult result = load_keys(config, NotPermitted::kIsError);
  ASSERT_TRUE(result.keys) << to_string(result.diagnostics);
  EXPECT_EQ(result.keys->private_key.public_key().to_base64(), kPublicA);
  ASSERT_EQ(result.keys->preshared_keys.size(), 1U);
  EXPECT_FALSE(find_preshared_key(result.keys->preshared_keys, config.peers[0]));
  EXPECT_TRUE(find_preshared_key(result.keys->preshared_keys, config.peers[1]));
}

TEST_F(LoadKeys, PointsAtTheLineThatNamesABadFile) {
  files_.write("b.psk", "nonsense", 0600);
  const Config config = parse("peers:\n" + peer("b", kPublicB, ", preshared_key_file: b.psk") +
                              peer("c", kPublicC, ", preshared_key_file: c.psk"));
  files_.write("a.key", std::string(kPrivateA), 0644);
  const KeysResult result = load_keys(config, NotPermitted::kIsError);
  EXPECT_FALSE(result.keys);
  ASSERT_EQ(result.diagnostics.size(), 3U) << to_string(result.diagnostics);
  const std::string path = files_.path("config.yaml");
  EXPECT_THAT(to_string(result.diagnostics[0]), StartsWith(path + ":3:21: key file "));
  EXPECT_THAT(to_string(result.diagnostics[0]), HasSubstr("is open to others (mode 0644)"));
  EXPECT_THAT(to_string(result.diagnostics[1]), StartsWith(path + ":5:96: key file "));
  EXPECT_THAT(to_string(result.diagnostics[2]), HasSubstr(path + ":6:96: cannot open key file "));
}

TEST_F(LoadKeys, RefusesOurOwnKeyAsAPeer) {
  const Config config = parse("peers:\n" + peer("b", kPublicB) + peer("me", kPublicA));
  const KeysResult result = load_keys(config, NotPermitted::kIsError);
  EXPECT_FALSE(result.keys);
  ASSERT_EQ(result.diagnostics.size(), 1U);
  EXPECT_THAT(to_string(result.diagnostics[0]),
              StartsWith(files_.path("config.yaml") + ":6:29: peer 'me' has our own public key"));
}

TEST_F(LoadKeys, WarnsOrFailsWhereItIsNotPermitted) {
  Config config = parse("");
  ::unsetenv("CREDENTIALS_DIRECTORY");
  config.interface.private_key_file.value = {"tunnel.key", true};
  const KeysResult for_check = load_keys(config, NotPermitted::kIsWarning);
  EXPECT_FALSE(for_check.keys);
  ASSERT_EQ(for_check.diagnostics.size(), 1U);
  EXPECT_EQ(for_check.diagnostics[0].severity, Severity::kWarning);
  const KeysResult for_daemon = load_keys(config, NotPermitted::kIsError);
  EXPECT_FALSE(for_daemon.keys);
  ASSERT_EQ(for_daemon.diagnostics.size(), 1U);
  EXPECT_EQ(for_daemon.diagnostics[0].severity, Severity::kError);
}

}  // namespace
}  // namespace tunneld::config
