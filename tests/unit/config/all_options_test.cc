// The table of options and docs/config.md say the same; what needs a restart stays as it runs.

#include "config/all_options.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tunneld::config {
namespace {

struct Row {
  std::string values;
  std::string otherwise;
  bool after_a_restart = false;
};

std::string without_backticks(std::string text) {
  std::erase(text, '`');
  return text;
}

/// The place where an option is described, of those that several sections have.
std::string described_as(std::string path) {
  for (const auto& [here, there] : {std::pair<std::string, std::string>{"peers.push.", "server.push."},
                                    {"server.push.dns.", "interface.dns."}}) {
    if (path.starts_with(here)) path.replace(0, here.size(), there);
  }
  return path;
}

/// "interface.bridge" for the heading "bridge", if there is one such mapping.
std::string path_of(const std::string& heading) {
  if (heading == "The sections") return "";
  for (const OptionWords& option : all_options()) {
    const std::string& path = option.path;
    const bool is_it = path == heading || path.ends_with('.' + heading);
    if (option.has_options && is_it) return described_as(path + '.');
  }
  return "?." + heading;
}

/// The rows of all tables that list options, by the options' paths.
std::map<std::string, Row> documented() {
  static const std::regex kHeading("##+ (.+)");
  static const std::regex kRow(R"(\| `([a-z_]+)` \| (.+?) \| (.+?) \| (.+) \|)");
  std::map<std::string, Row> rows;
  std::ifstream manual(std::string(TUNNELD_SOURCE_DIR) + "/docs/config.md");
  std::string section;
  for (std::string line; std::getline(manual, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kHeading)) {
      section = path_of(match[1]);
    } else if (std::regex_match(line, match, kRow)) {
      const bool is_new =
          rows.try_emplace(section + match[1].str(),
                           Row{.values = without_backticks(match[2]),
                               .otherwise = without_backticks(match[3]),
                               .after_a_restart = match[4].str().ends_with(" *After a restart.*")})
              .second;
      EXPECT_TRUE(is_new) << section << match[1] << " stands there twice";
    }
  }
  return rows;
}

TEST(Options, StandInTheManualWithTheirDefaults) {
  std::map<std::string, Row> rows = documented();
  std::set<std::string> known;
  for (const OptionWords& option : all_options()) {
    const std::string path = described_as(option.path);
    known.insert(path);
    ASSERT_TRUE(rows.contains(path)) << option.path << " is missing in docs/config.md";
    const Row& row = rows[path];
    EXPECT_EQ(row.values, without_backticks(option.values)) << option.path << " in docs/config.md";
    EXPECT_EQ(row.otherwise, option.otherwise) << option.path << " in docs/config.md";
    EXPECT_EQ(row.after_a_restart, option.reload == Reload::kNeedsRestart)
        << option.path << " in docs/config.md: whether it ends with '*After a restart.*'";
  }
  for (const auto& [path, row] : rows) EXPECT_TRUE(known.contains(path)) << "no option " << path;
}

TEST(Options, SayWhatMayBeWrittenAndWhatHoldsOtherwise) {
  for (const OptionWords& option : all_options()) {
    EXPECT_NE(option.values, "") << option.path;
    EXPECT_NE(option.otherwise, "") << option.path;
  }
}

TEST(Options, HaveTheNamesThatWgQuickGivesThem) {
  std::set<std::string> words;
  for (const OptionWords& option : all_options()) words.insert(option.wg_quick);
  // The keys of wg-quick(8) and wg(8) but those that run commands.
  EXPECT_THAT(words, testing::IsSupersetOf({"Address", "DNS", "MTU", "Table", "PrivateKey", "ListenPort",
                                            "FwMark", "PublicKey", "PresharedKey", "AllowedIPs", "Endpoint",
                                            "PersistentKeepalive"}));
}

TEST(Options, ThatNeedARestartKeepTheirRunningValue) {
  const Config running;
  Config wanted;
  wanted.interface.type = DeviceType::kTap;
  wanted.interface.bridge.emplace();
  wanted.interface.persist.emplace();
  wanted.interface.listen_port = 51820;
  wanted.interface.offload = AutoOff::kOff;
  wanted.interface.extension = AutoOff::kOff;
  wanted.crypto.engine = crypto::EngineChoice::kLibsodium;
  wanted.workers = 2;
  wanted.ethernet_switch.addresses = 100;
  EXPECT_THAT(keep_until_restart(running, wanted),
              testing::ElementsAre("interface.type", "interface.bridge", "interface.persist",
                                   "interface.listen_port", "interface.offload", "interface.extension",
                                   "crypto", "workers", "switch.addresses"));
  EXPECT_EQ(wanted, running);
}

TEST(Options, ThatAReloadTakesAreLeftAsTheyAreWanted) {
  Config wanted;
  wanted.interface.mtu = 1400;
  wanted.interface.fwmark = 7;
  wanted.routes.metric = 5;
  wanted.ethernet_switch.flood_limit = 1;
  wanted.log.level = LogLevel::kDebug;
  wanted.peers.emplace_back();
  const Config asked = wanted;
  EXPECT_THAT(keep_until_restart(Config(), wanted), testing::IsEmpty());
  EXPECT_EQ(wanted, asked);
}

}  // namespace
}  // namespace tunneld::config
