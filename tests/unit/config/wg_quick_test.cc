// Files of wg-quick in and out: every key arrives, what is written is read back as the same, and every
// mistake is named with its line.

#include "config/wg_quick.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <ostream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/parse.h"
#include "config/show.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {
namespace {

using testing::HasSubstr;
using std::chrono_literals::operator""s;

constexpr std::string_view kPresharedKey = "8rXb0WmGZ5TVVqwOZ8CZaC6vpJuDVVjxn2ep7ixJ0TQ=";

/// $P is a private key, $S a preshared key, $A to $C are public keys.
std::string filled_in(std::string text) {
  for (const auto& [mark, key] :
       {std::pair{"$P", kPrivateA}, std::pair{"$S", kPresharedKey}, std::pair{"$A", kPublicA},
        std::pair{"$B", kPublicB}, std::pair{"$C", kPublicC}}) {
    for (std::size_t at = 0; (at = text.find(mark)) != std::string::npos;) text.replace(at, 2, key);
  }
  return text;
}

WgQuickResult parse(const std::string& text) {
  return parse_wg_quick(filled_in(text), "wg0.conf", "wg0");
}

std::string base64(const auto& key) {
  std::array<char, 45> text{};
  key.to_base64(text);
  return text.data();
}

void expect_same_keys(const Keys& a, const Keys& b) {
  EXPECT_EQ(base64(a.private_key), base64(b.private_key));
  ASSERT_EQ(a.preshared_keys.size(), b.preshared_keys.size());
  for (std::size_t i = 0; i < a.preshared_keys.size(); ++i) {
    ASSERT_EQ(a.preshared_keys[i].has_value(), b.preshared_keys[i].has_value());
    if (!a.preshared_keys[i]) continue;
    EXPECT_EQ(base64(*a.preshared_keys[i]), base64(*b.preshared_keys[i]));
  }
}

constexpr const char* kWithEveryKey =
    "[Interface]\n"
    "PrivateKey = $P\n"
    "Address = 10.0.0.1/24, fd00::1/64\n"
    "Address = 10.0.1.1\n"
    "DNS = 10.0.0.53, fd00::53, corp.example\n"
    "DNS = example.org\n"
    "MTU = 1380\n"
    "Table = 1234\n"
    "ListenPort = 51820\n"
    "FwMark = 0xca6c\n"
    "SaveConfig = false\n"
    "[Peer]\n"
    "# Name = berlin\n"
    "PublicKey = $B\n"
    "PresharedKey = $S\n"
    "AllowedIPs = 10.1.0.0/16, fd01::/32\n"
    "AllowedIPs = 10.2.0.7\n"
    "Endpoint = [2001:db8::7]:51820\n"
    "PersistentKeepalive = 25\n"
    "[Peer]\n"
    "PublicKey = $C\n"
    "AllowedIPs =\n"
    "Endpoint = vpn.example.org:443\n";

TEST(WgQuick, ReadsEveryKey) {
  const WgQuickResult result = parse(kWithEveryKey);
  ASSERT_TRUE(result.file) << to_string(result.diagnostics);
  EXPECT_TRUE(result.diagnostics.empty()) << to_string(result.diagnostics);
  const Config& config = result.file->config;
  const auto prefix = [](const char* text) { return *net::IpPrefix::parse(text); };
  EXPECT_EQ(config.interface.name.value, "wg0");
  ASSERT_EQ(config.interface.addresses.size(), 3U);
  EXPECT_EQ(config.interface.addresses[1].value, prefix("fd00::1/64"));
  EXPECT_EQ(config.interface.addresses[2].value, prefix("10.0.1.1/32"));
  EXPECT_EQ(config.interface.mtu, 1380);
  EXPECT_EQ(config.interface.listen_port, 51820);
  EXPECT_EQ(config.interface.fwmark, 0xca6cU);
  EXPECT_EQ(config.interface.private_key_file.value, (KeyFile{"wg0.key", false}));
  EXPECT_EQ(config.routes.table, 1234U);
  EXPECT_EQ(base64(result.file->keys.private_key), kPrivateA);
  ASSERT_EQ(result.file->config.interface.dns.servers.size(), 2U);
  EXPECT_EQ(result.file->config.interface.dns.servers[1].value, *net::IpAddress::parse("fd00::53"));
  ASSERT_EQ(result.file->config.interface.dns.search.size(), 2U);
  EXPECT_EQ(result.file->config.interface.dns.search[0].value, "corp.example");

  ASSERT_EQ(config.peers.size(), 2U);
  const PeerConfig& berlin = config.peers[0];
  EXPECT_EQ(berlin.name.value, "berlin");
  EXPECT_EQ(berlin.public_key.value.to_base64(), kPublicB);
  EXPECT_EQ(berlin.preshared_key_file->value, (KeyFile{"wg0-berlin.psk", false}));
  EXPECT_EQ(base64(*result.file->keys.preshared_keys[0]), kPresharedKey);
  ASSERT_EQ(berlin.allowed_ips.size(), 3U);
  EXPECT_EQ(berlin.allowed_ips[2].value, prefix("10.2.0.7/32"));
  EXPECT_EQ(berlin.endpoints[0].value, (PeerEndpoint{"2001:db8::7", 51820}));
  EXPECT_EQ(berlin.persistent_keepalive, 25s);
  EXPECT_EQ(config.peers[1].name.value, "peer-2");
  EXPECT_TRUE(config.peers[1].allowed_ips.empty());
  EXPECT_FALSE(result.file->keys.preshared_keys[1]);
}

struct File {
  const char* name;
  const char* text;
};
void PrintTo(const File& file, std::ostream* out) {
  *out << file.name;
}
template <typename Case>
std::string name_of(const testing::TestParamInfo<Case>& test) {
  return test.param.name;
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
  const WgQuickResult first = parse(GetParam().text);
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
  const WgQuickResult result = parse(GetParam().text);
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

struct Bad {
  const char* name;
  const char* text;
  const char* message;  ///< with its line and column
};
void PrintTo(const Bad& bad, std::ostream* out) {
  *out << bad.text;
}

const Bad kBad[] = {
    {"empty", "", "wg0.conf:1:1: there is no [Interface]"},
    {"no_private_key", "[Interface]\n", "has no PrivateKey"},
    {"no_section", "PrivateKey = $P\n", "wg0.conf:1:1: 'PrivateKey' stands before any section"},
    {"unknown_section", "[Interface]\nPrivateKey = $P\n [Peers]\nx = y\n",
     "wg0.conf:3:2: unknown section '[Peers]'"},
    {"two_interfaces", "[Interface]\nPrivateKey = $P\n[interface]\n", "wg0.conf:3:1: a second [Interface]"},
    {"unknown_key", "[Interface]\nPrivateKey = $P\nAdress = 10.0.0.1\n",
     "wg0.conf:3:1: unknown key 'Adress'; did you mean 'Address'?"},
    {"key_in_wrong_section", "[Interface]\nPrivateKey = $P\nEndpoint = a:1\n",
     "wg0.conf:3:1: 'Endpoint' does not belong here; it belongs to a [Peer]"},
    {"interface_key_in_peer", "[Interface]\nPrivateKey = $P\n[Peer]\nPublicKey = $B\nMTU = 1400\n",
     "wg0.conf:5:1: 'MTU' does not belong here"},
    {"no_equals", "[Interface]\nPrivateKey = $P\nhello there\n", "wg0.conf:3:1: neither a section nor"},
    {"no_value", "[Interface]\nPrivateKey =\n", "wg0.conf:2:1: 'PrivateKey' has no value"},
    {"private_key", "[Interface]\nPrivateKey = abc\n", "wg0.conf:2:14: 'PrivateKey' must be 44 characters"},
    {"twice", "[Interface]\nPrivateKey = $P\nMTU = 1400\nmtu = 1500\n",
     "wg0.conf:4:1: 'MTU' is given twice, the first time in line 3"},
    {"address", "[Interface]\nPrivateKey = $P\nAddress = 10.0.0.1/24, 10.0.0/8\n",
     "wg0.conf:3:24: 'Address' must be"},
    {"address_twice", "[Interface]\nPrivateKey = $P\nAddress = 10.0.0.1/24\nAddress = 10.0.0.1/8\n",
     "wg0.conf:4:11: the address 10.0.0.1 is listed twice"},
    {"dns", "[Interface]\nPrivateKey = $P\nDNS = 10.0.0.1, $(reboot)\n", "wg0.conf:3:17: 'DNS' must be"},
    {"dns_label", "[Interface]\nPrivateKey = $P\nDNS = a..b\n", "wg0.conf:3:7: 'DNS' must be"},
    {"mtu", "[Interface]\nPrivateKey = $P\nMTU = 100\n", "wg0.conf:3:7: 'MTU' must be"},
    {"table", "[Interface]\nPrivateKey = $P\nTable = no-such-table\n", "wg0.conf:3:9: 'Table' must be"},
    {"table_local", "[Interface]\nPrivateKey = $P\nTable = 255\n", "wg0.conf:3:9: 'Table' must be"},
    {"listen_port", "[Interface]\nPrivateKey = $P\nListenPort = 65536\n",
     "wg0.conf:3:14: 'ListenPort' must be"},
    {"fwmark", "[Interface]\nPrivateKey = $P\nFwMark = 0x100000000\n", "wg0.conf:3:10: 'FwMark' must be"},
    {"save_config", "[Interface]\nPrivateKey = $P\nSaveConfig = yes\n",
     "wg0.conf:3:14: 'SaveConfig' must be true or false"},
    {"peer_without_key", "[Interface]\nPrivateKey = $P\n[Peer]\n",
     "wg0.conf:3:1: a [Peer] without a PublicKey"},
    {"public_key", "[Interface]\nPrivateKey = $P\n[Peer]\nPublicKey = x\n",
     "wg0.conf:4:13: 'PublicKey' must be 44"},
    {"psk", "[Interface]\nPrivateKey = $P\n[Peer]\nPublicKey = $B\nPresharedKey = x\n",
     "wg0.conf:5:16: 'PresharedKey' must be 44"},
    {"same_peer_twice", "[Interface]\nPrivateKey = $P\n[Peer]\nPublicKey = $B\n[Peer]\nPublicKey = $B\n",
     "wg0.conf:6:13: this public key already belongs to peer 'peer-1'"},
    {"allowed_ips",
     "[Interface]\nPrivateKey = $P\n[Peer]\nPublicKey = $B\nAllowedIPs = 10.0.0.0/8 10.1.0.0/16\n",
     "wg0.conf:5:14: 'AllowedIPs' must be"},
    {"allowed_ips_of_two",
     "[Interface]\nPrivateKey = $P\n[Peer]\nPublicKey = $B\nAllowedIPs = 10.0.0.0/8\n[Peer]\nPublicKey = "
     "$C\nAllowedIPs = 10.0.0.0/8\n",
     "wg0.conf:8:14: 10.0.0.0/8 already belongs to peer 'peer-1' (wg0.conf:5:14)"},
    {"endpoint", "[Interface]\nPrivateKey = $P\n[Peer]\nPublicKey = $B\nEndpoint = vpn.example.org\n",
     "wg0.conf:5:12: endpoint 'vpn.example.org'"},
    {"keepalive", "[Interface]\nPrivateKey = $P\n[Peer]\nPublicKey = $B\nPersistentKeepalive = 65536\n",
     "wg0.conf:5:23: 'PersistentKeepalive' must be"},
    {"small_mtu_with_ipv6", "[Interface]\nPrivateKey = $P\nMTU = 1000\nAddress = fd00::1/64\n",
     "IPv6 needs an mtu of at least 1280"},
};

class BadFile : public testing::TestWithParam<Bad> {};

TEST_P(BadFile, IsNamedWithItsLine) {
  const WgQuickResult result = parse(GetParam().text);
  EXPECT_FALSE(result.file);
  EXPECT_THAT(to_string(result.diagnostics), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(WgQuick, BadFile, testing::ValuesIn(kBad), name_of<Bad>);

TEST(WgQuick, NamesWhatIsNotSupportedWithItsLine) {
  const WgQuickResult result = parse(
      "[Interface]\nPrivateKey = $P\nPreUp = a\nPostUp = iptables -A x; y = z\nPreDown = b\nPostDown = c\n"
      "PostUp = again\nSaveConfig = true\n");
  ASSERT_TRUE(result.file);
  ASSERT_EQ(result.diagnostics.size(), 6U);
  const char* const names[] = {"3:9: warning: 'PreUp'",    "4:10: warning: 'PostUp'",
                               "5:11: warning: 'PreDown'", "6:12: warning: 'PostDown'",
                               "7:10: warning: 'PostUp'",  "8:14: warning: 'SaveConfig'"};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_THAT(to_string(result.diagnostics[i]), HasSubstr(std::string("wg0.conf:") + names[i]));
  }
}

TEST(WgQuick, NeverRepeatsASecret) {
  const std::string key(kPrivateA);
  for (const std::string& text :
       {"[Interface]\n" + key + "\n", "[Interface]\nPrivateKey " + key + "\n",
        "[Interface]\nPrivateKey = " + key + "x\n",
        "[Interface]\nPrivateKey = " + key + "\n[Peer]\nPresharedKey = x" + key + "\nPublicKey = $B\n",
        "[Interface]\nPrivateKey = " + key + "\nPrivateKey = " + key + "\n"}) {
    const WgQuickResult result = parse(text);
    EXPECT_FALSE(result.file) << text;
    EXPECT_THAT(to_string(result.diagnostics), testing::Not(HasSubstr(key.substr(0, 20)))) << text;
  }
}

TEST(WgQuick, RefusesNamesThatNoInterfaceHas) {
  const std::string text = filled_in("[Interface]\nPrivateKey = $P\n");
  for (const char* name : {"", "..", "with space", "sixteen-letters-"}) {
    EXPECT_FALSE(parse_wg_quick(text, "x.conf", name).file) << name;
  }
}

TEST(WgQuick, AClientsOwnAddressesAreAllowedIps) {
  WgQuickResult result =
      parse("[Interface]\nPrivateKey = $P\n[Peer]\nPublicKey = $B\nAllowedIPs = 10.9.0.0/16\n");
  ASSERT_TRUE(result.file);
  for (const char* address : {"10.8.0.7", "fd08::7"})
    result.file->config.peers[0].addresses.push_back({*net::IpAddress::parse(address), {}});
  const WgQuickText text = write_wg_quick(result.file->config, result.file->keys, {}, WhosePrivateKey::kOurs);
  EXPECT_THAT(text.text.c_str(), HasSubstr("AllowedIPs = 10.8.0.7/32, fd08::7/128, 10.9.0.0/16\n"));
}

TEST(WgQuick, SaysWhatWgQuickHasNoWordsFor) {
  WgQuickResult result = parse(kWithEveryKey);
  ASSERT_TRUE(result.file);
  Config& config = result.file->config;
  config.routes.metric = 5;
  config.peers[0].endpoints.push_back({{"other.example", 1}, {}});
  const WgQuickText text = write_wg_quick(config, result.file->keys, {}, WhosePrivateKey::kTheirs);
  EXPECT_THAT(text.left_out,
              testing::ElementsAre(HasSubstr("routes.metric"), HasSubstr("peer berlin: all endpoints")));
  EXPECT_EQ(text.text.find(kPrivateA), std::string::npos);
}

TEST(WgQuick, SaysEverythingThatItDrops) {
  WgQuickResult result = parse(kWithEveryKey);
  ASSERT_TRUE(result.file);
  Config config = result.file->config;
  const auto dropped = [&config, &result] {
    std::string all;
    const WgQuickText text = write_wg_quick(config, result.file->keys, {}, WhosePrivateKey::kTheirs);
    for (const std::string& line : text.left_out) all += line + '\n';
    return all;
  };
  EXPECT_EQ(dropped(), "");
  config.interface.type = DeviceType::kTap;
  config.interface.mac_address = {*net::MacAddress::parse("02:00:00:00:00:01"), {}};
  config.interface.bridge.emplace();
  config.interface.persist.emplace();
  config.interface.offload = AutoOff::kOff;
  config.interface.extension = AutoOff::kOff;
  config.crypto = {.engine = crypto::EngineChoice::kLibsodium, .fast_cipher = AutoOff::kOff};
  config.workers = 2;
  config.ethernet_switch.client_to_client = true;
  config.groups.push_back({{"staff", {}}, {}});
  config.log.level = LogLevel::kDebug;
  config.peers[0].endpoint_order = EndpointOrder::kRandom;
  config.peers[0].mac_addresses.push_back({*net::MacAddress::parse("02:00:00:00:00:01"), {}});
  config.peers[0].group = {"staff", {}};
  config.peers[0].allow.emplace();
  config.peers[0].push.mtu = 1400;
  for (const char* option :
       {"interface.type", "interface.mac_address", "interface.bridge", "interface.persist",
        "interface.offload", "interface.extension", "crypto.engine", "crypto.fast_cipher", "workers",
        "switch", "groups", "log", "peer berlin: endpoint_order", "peer berlin: mac_addresses",
        "peer berlin: group", "peer berlin: allow", "peer berlin: push"}) {
    EXPECT_THAT(dropped(), HasSubstr(std::string(option) + ": "));
  }
}

TEST(WgQuick, TakesNamesFromCommentsAsPeopleWriteThem) {
  const WgQuickResult result = parse(
      "\xef\xbb\xbf[Interface]\nPrivateKey = $P\n# PostUp = iptables\n\n"
      "### Client alice\n[Peer]\nPublicKey = $A\n\n"
      "# A long sentence about the peer that follows\n[Peer]\nPublicKey = $B\n#friendly_name=OnePlus 6T\n"
      "# AllowedIPs = 10.0.0.0/8\n# bob's phone\n[Peer]\nPublicKey = $C\nAllowedIPs = 10.0.3.1/32\n\n"
      "# lost\n\n[Peer]\n# alice\nPublicKey = HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=\n"
      "# END_PEER alice\n# BEGIN_PEER carol\n[Peer]\n"
      "PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n# $P\n"
      "[Peer]\nPublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=\n");
  ASSERT_TRUE(result.file) << to_string(result.diagnostics);
  std::vector<std::string> names;
  for (const PeerConfig& peer : result.file->config.peers) names.push_back(peer.name.value);
  EXPECT_THAT(names,
              testing::ElementsAre("alice", "OnePlus-6T", "bob-s-phone", "alice-2", "carol", "peer-6"));
}

TEST(WgQuick, SaysWithItsLineWhatIsTooMuch) {
  std::string servers;
  for (int i = 1; i <= 9; ++i) servers += (i == 1 ? "" : ", ") + std::string("10.0.0.") + std::to_string(i);
  const WgQuickResult result = parse("[Interface]\nPrivateKey = $P\nDNS = " + servers + "\n");
  EXPECT_FALSE(result.file);
  EXPECT_THAT(to_string(result.diagnostics), HasSubstr("wg0.conf:3:7: more than 8 DNS servers"));
}

/// Anything that wg-quick takes, in any size, becomes a configuration that says the same.
TEST(WgQuick, WhatImportWritesIsWhatCheckReads) {
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

TEST(WgQuick, DamagedAtRandomIsRefusedOrStillTheSameBothWays) {
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
