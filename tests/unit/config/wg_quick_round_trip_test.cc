// Files of wg-quick in and out: what is written, as such a file or as YAML, is read back as the same.
#include <algorithm>
#include <array>
#include <filesystem>
#include <ostream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/parse.h"
#include "config/show.h"
#include "config/wg_quick/wg_quick.h"
#include "tests/unit/config/wg_quick_files.h"

namespace tunneld::config {
namespace {

struct File {
  const char* name;
  const char* text;
};
void PrintTo(const File& file, std::ostream* out) {
  *out << file.name;
}
const File kGood[] = {
    {"with_every_key", kWithEveryKey},
    {"smallest", "[Interface]\nPrivateKey=$P"},
    {"windows_line_ends", "[Interface]\r\nPrivateKey = $P\r\n\r\n[Peer]\r\nPublicKey = $B\r\n"},
    {"any_case",
     "[INTERFACE]\nprivatekey = $P\naddress = 10.0.0.1/24\ndns = 10.0.0.2\nmtu = 1400\ntable = OFF\n"
     "listenport = 1\nfwmark = OFF\nsaveconfig = FALSE\n[peer]\nPUBLICKEY = $B\npresharedkey = $S\n"
     "ALLOWEDIPS = 10.1.0.0/16\nendPoint = a.example:1\npersistentKEEPALIVE = OFF\n"},
    {"comments",
     "# before\n[Interface] # here\nPrivateKey = $P # and here\n  # indented\n\n[Peer]\n"
     "PublicKey = $B#close\n# Name = no name!\n"},
    {"spaces", "  [Interface]\n\tPrivateKey\t=\t$P\nAddress=10.0.0.1/24,10.0.0.2/24 10.0.0.3/24 ,,\n"},
    {"zeros_are_off",
     "[Interface]\nPrivateKey = $P\nListenPort = 0\nFwMark = 0\n[Peer]\nPublicKey = $B\n"
     "PersistentKeepalive = 0\n"},
    {"zero_psk",
     "[Interface]\nPrivateKey = $P\n[Peer]\nPublicKey = $B\n"
     "PresharedKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"},
    {"host_bits",
     "[Interface]\nPrivateKey = $P\n[Peer]\nPublicKey = $B\nAllowedIPs = 10.1.2.3/16, 10.1.0.0/16\n"},
    {"table_by_name", "[Interface]\nPrivateKey = $P\nTable = default\n"},
    {"table_main", "[Interface]\nPrivateKey = $P\nTable = main\n"},
    {"table_auto", "[Interface]\nPrivateKey = $P\nTable = auto\n"},
    {"search_only", "[Interface]\nPrivateKey = $P\nDNS = corp.example.\n"},
    {"peer_before_interface", "[Peer]\nPublicKey = $B\n[Interface]\nPrivateKey = $P\n"},
    {"largest_values",
     "[Interface]\nPrivateKey = $P\nMTU = 65475\nTable = 4294967295\nListenPort = 65535\n"
     "FwMark = 0xffffffff\n[Peer]\nPublicKey = $B\nPersistentKeepalive = 65535\n"},
    {"server",
     "[Interface]\nPrivateKey = $P\nAddress = 10.192.122.1/24\nAddress = 10.10.0.1/16\nListenPort = 51820\n"
     "[Peer]\nPublicKey = $B\nAllowedIPs = 10.192.122.3/32, 10.192.124.1/24\n"
     "[Peer]\nPublicKey = $C\nAllowedIPs = 10.192.122.4/32, 192.168.0.0/16\n"},
};

class GoodFile : public testing::TestWithParam<File> {};

TEST_P(GoodFile, IsTheSameAfterExportAndImport) {
  const WgQuickResult first = parse_wg0(GetParam().text);
  ASSERT_TRUE(first.file) << to_string(first.diagnostics);
  const WgQuickText text = write_wg_quick(first.file->config, first.file->keys,
                                          first.file->config.interface.dns, WhosePrivateKey::kOurs);
  EXPECT_TRUE(text.left_out.empty());
  const WgQuickResult second = parse_wg_quick(text.text, "wg0.conf", "wg0");
  ASSERT_TRUE(second.file) << to_string(second.diagnostics) << text.text.c_str();
  EXPECT_TRUE(second.diagnostics.empty()) << to_string(second.diagnostics);
  EXPECT_EQ(second.file->config, first.file->config);
  EXPECT_EQ(second.file->config.interface.dns, first.file->config.interface.dns);
  expect_same_keys(second.file->keys, first.file->keys);
  const WgQuickText again = write_wg_quick(second.file->config, second.file->keys,
                                           second.file->config.interface.dns, WhosePrivateKey::kOurs);
  EXPECT_EQ(again.text, text.text);
}

TEST_P(GoodFile, IsReadFromItsYaml) {
  const WgQuickResult result = parse_wg0(GetParam().text);
  ASSERT_TRUE(result.file) << to_string(result.diagnostics);
  const TemporaryFiles files;
  const std::string yaml = write_yaml(*result.file, "x/wg0.conf");
  const ParseResult read = parse_file(files.write("wg0.yaml", yaml));
  ASSERT_TRUE(read.config) << to_string(read.diagnostics) << yaml;
  Config expected = result.file->config;
  const auto absolute = [&files](KeyFile& file) { file.name = files.path(file.name); };
  absolute(expected.interface.private_key_file.value);
  for (PeerConfig& peer : expected.peers) {
    if (peer.preshared_key_file) absolute(peer.preshared_key_file->value);
  }
  EXPECT_EQ(*read.config, expected) << yaml;
  EXPECT_EQ(yaml.find(kPrivateA), std::string::npos);
  EXPECT_EQ(yaml.find(kPresharedKey), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(WgQuick, GoodFile, testing::ValuesIn(kGood), name_of<File>);

/// Anything that wg-quick takes, in any size, becomes a configuration that says the same.
TEST(WgQuickRoundTrip, WhatImportWritesIsWhatCheckReads) {
  std::mt19937 random(64);
  const auto below = [&random](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  const TemporaryFiles files;
  for (int round = 0; round < 60; ++round) {
    const std::string interface =
        std::array{"wg0", "1e3", "null", "0x10", "true", "a=b", "-", "_.+"}[below(8)];
    std::string text = "[Interface]\nPrivateKey = $P\n";
    const auto maybe = [&](const std::string& line) {
      if (below(2) == 0) text += line + '\n';
    };
    const auto many = [&](const std::string& key, std::size_t most, const auto& item) {
      const std::size_t count = most > 1000 ? most : below(most);
      for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? key + " = " : ", ") + item(i);
      text += '\n';
    };
    many("Address", 40, [](std::size_t i) { return "10.0." + std::to_string(i) + ".1/24"; });
    many("DNS", 17, [](std::size_t i) {
      return i % 2 == 0 ? "192.0.2." + std::to_string(i + 1) : "d" + std::to_string(i) + ".example.";
    });
    maybe("MTU = " + std::to_string(576 + below(64900)));
    maybe("ListenPort = " + std::to_string(below(65536)));
    maybe("FwMark = 0x" + std::to_string(below(99999999)));
    maybe(std::array{"Table = off", "Table = auto", "Table = 4294967295", "Table = main"}[below(4)]);
    const std::size_t peers = round == 0 ? 1 : below(4);
    for (std::size_t i = 0; i < peers; ++i) {
      maybe(std::array{"# 007", "# null", "### Client ~", "# yes", "# 1e3", "# peer-2"}[below(6)]);
      text += "[Peer]\n";
      maybe(std::array{"# Name = alice", "#Name = - x", "# Name = \"", "# Name = .",
                       "# Name=\xc3\xa9"}[below(5)]);
      text += std::string("PublicKey = ") + std::array{"$A", "$B", "$C"}[i] + "\n";
      maybe("PresharedKey = $S");
      maybe(std::array{"Endpoint = 192.0.2.1:1", "Endpoint = [2001:db8::1]:65535",
                       "Endpoint = vpn.example.org:51820"}[below(3)]);
      maybe("PersistentKeepalive = " + std::to_string(below(65536)));
      many("AllowedIPs", round == 0 ? 8'000 : 40, [i](std::size_t n) {
        return std::to_string(20 + i * 50 + n / 65536) + '.' + std::to_string(n / 256 % 256) + '.' +
               std::to_string(n % 256) + ".0/24";
      });
    }
    const std::string filled = filled_in(text);
    const WgQuickResult imported = parse_wg_quick(filled, interface + ".conf", interface);
    ASSERT_TRUE(imported.file) << to_string(imported.diagnostics) << text.substr(0, 3000);
    const std::string path = files.write("t.yaml", write_yaml(*imported.file, "t.conf"), 0600);
    const ParseResult read = parse_file(path);
    ASSERT_TRUE(read.config) << to_string(read.diagnostics) << text.substr(0, 3000);
    Config expected = imported.file->config;
    Config got = *read.config;
    for (Config* config : {&expected, &got}) {
      const auto base = [](KeyFile& file) { file.name = std::filesystem::path(file.name).filename(); };
      base(config->interface.private_key_file.value);
      for (PeerConfig& peer : config->peers)
        if (peer.preshared_key_file) base(peer.preshared_key_file->value);
    }
    ASSERT_TRUE(got == expected) << text.substr(0, 3000);
    // What `check --show` prints, too.
    const std::string shown = files.write("s.yaml", show(*read.config), 0600);
    const ParseResult again = parse_file(shown);
    ASSERT_TRUE(again.config) << to_string(again.diagnostics);
    ASSERT_TRUE(*again.config == *read.config) << text.substr(0, 3000);
  }
}

TEST(WgQuickRoundTrip, DamagedAtRandomIsRefusedOrStillTheSameBothWays) {
  std::mt19937 random(4711);
  const auto below = [&random](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  const std::string whole = filled_in(kWithEveryKey);
  const std::string_view bytes("\0\n\r\t #=[],:/.0aZ\x7f\xff", 18);
  int good = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = whole;
    for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
      const std::size_t at = below(text.size());
      switch (below(3)) {
        case 0:
          text[at] = bytes[below(bytes.size())];
          break;
        case 1:
          text.insert(at, 1, bytes[below(bytes.size())]);
          break;
        default:
          text.erase(at, 1 + below(20));
      }
    }
    const WgQuickResult first = parse_wg_quick(text, "wg0.conf", "wg0");
    ASSERT_EQ(first.file.has_value(),
              std::none_of(first.diagnostics.begin(), first.diagnostics.end(),
                           [](const Diagnostic& d) { return d.severity == Severity::kError; }));
    if (!first.file) continue;
    ++good;
    const WgQuickText written = write_wg_quick(first.file->config, first.file->keys,
                                               first.file->config.interface.dns, WhosePrivateKey::kOurs);
    const WgQuickResult second = parse_wg_quick(written.text, "wg0.conf", "wg0");
    ASSERT_TRUE(second.file) << text << to_string(second.diagnostics);
    ASSERT_EQ(second.file->config, first.file->config) << text;
    ASSERT_EQ(second.file->config.interface.dns, first.file->config.interface.dns) << text;
    expect_same_keys(second.file->keys, first.file->keys);
  }
  EXPECT_GT(good, 500) << "too few files were still good for this to show anything";
}

}  // namespace
}  // namespace tunneld::config
