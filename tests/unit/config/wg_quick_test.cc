// Files of wg-quick: every key arrives, every mistake is named with its line, and what is left out is said.

#include "config/wg_quick/wg_quick.h"

#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/wg_quick_files.h"

namespace tunneld::config {
namespace {

using testing::HasSubstr;
using std::chrono_literals::operator""s;

TEST(WgQuick, ReadsEveryKey) {
  const WgQuickResult result = parse_wg0(kWithEveryKey);
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
  EXPECT_EQ(base64(result.file->keys.preshared_keys.at(berlin.public_key.value)), kPresharedKey);
  ASSERT_EQ(berlin.allowed_ips.size(), 3U);
  EXPECT_EQ(berlin.allowed_ips[2].value, prefix("10.2.0.7/32"));
  EXPECT_EQ(berlin.endpoints[0].value, (PeerEndpoint{"2001:db8::7", 51820}));
  EXPECT_EQ(berlin.persistent_keepalive, 25s);
  EXPECT_EQ(config.peers[1].name.value, "peer-2");
  EXPECT_TRUE(config.peers[1].allowed_ips.empty());
  EXPECT_FALSE(result.file->keys.preshared_keys.contains(config.peers[1].public_key.value));
}

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
  const WgQuickResult result = parse_wg0(GetParam().text);
  EXPECT_FALSE(result.file);
  EXPECT_THAT(to_string(result.diagnostics), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(WgQuick, BadFile, testing::ValuesIn(kBad), name_of<Bad>);

TEST(WgQuick, NamesWhatIsNotSupportedWithItsLine) {
  const WgQuickResult result = parse_wg0(
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
    const WgQuickResult result = parse_wg0(text);
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
      parse_wg0("[Interface]\nPrivateKey = $P\n[Peer]\nPublicKey = $B\nAllowedIPs = 10.9.0.0/16\n");
  ASSERT_TRUE(result.file);
  for (const char* address : {"10.8.0.7", "fd08::7"})
    result.file->config.peers[0].addresses.push_back({*net::IpAddress::parse(address), {}});
  const WgQuickText text = write_wg_quick(result.file->config, result.file->keys, {}, WhosePrivateKey::kOurs);
  EXPECT_THAT(text.text.c_str(), HasSubstr("AllowedIPs = 10.8.0.7/32, fd08::7/128, 10.9.0.0/16\n"));
}

TEST(WgQuick, SaysWhatWgQuickHasNoWordsFor) {
  WgQuickResult result = parse_wg0(kWithEveryKey);
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
  WgQuickResult result = parse_wg0(kWithEveryKey);
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
  config.interface.dns.own_resolver = true;
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
        "interface.dns.own_resolver", "interface.offload", "interface.extension", "crypto.engine",
        "crypto.fast_cipher", "workers", "switch", "groups", "log", "peer berlin: endpoint_order",
        "peer berlin: mac_addresses", "peer berlin: group", "peer berlin: allow", "peer berlin: push"}) {
    EXPECT_THAT(dropped(), HasSubstr(std::string(option) + ": "));
  }
}

TEST(WgQuick, TakesNamesFromCommentsAsPeopleWriteThem) {
  const WgQuickResult result = parse_wg0(
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
  const WgQuickResult result = parse_wg0("[Interface]\nPrivateKey = $P\nDNS = " + servers + "\n");
  EXPECT_FALSE(result.file);
  EXPECT_THAT(to_string(result.diagnostics), HasSubstr("wg0.conf:3:7: more than 8 DNS servers"));
}

}  // namespace
}  // namespace tunneld::config
