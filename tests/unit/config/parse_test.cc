// What a good configuration means: every option arrives as its value, and what is left out gets its default.

#include "config/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/net/mss_clamp.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {
namespace {

using std::chrono_literals::operator""s;

std::string key(std::string_view base64) {
  return '"' + std::string(base64) + '"';
}

class Parse : public testing::Test {
 protected:
  Config parse(const std::string& text) {
    ParseResult result = parse_file(files_.write("config.yaml", text));
    EXPECT_TRUE(result.config) << to_string(result.diagnostics);
    warnings_ = result.diagnostics;
    return result.config.value_or(Config());
  }

  TemporaryFiles files_;
  std::vector<Diagnostic> warnings_;
};

constexpr const char* kInterface = "interface: { name: tun0, private_key_file: a.key }\n";

TEST_F(Parse, FillsInDefaults) {
  const Config config = parse(kInterface);
  EXPECT_EQ(config.interface.type, DeviceType::kTun);
  EXPECT_TRUE(config.interface.addresses.empty());
  EXPECT_EQ(config.interface.listen_port, std::nullopt);
  EXPECT_EQ(config.interface.mtu, std::nullopt);
  EXPECT_EQ(config.interface.mss_clamp, net::kMssOff);
  EXPECT_EQ(config.interface.fwmark, 0U);
  EXPECT_EQ(config.interface.offload, AutoOff::kAuto);
  EXPECT_TRUE(config.peers.empty());
  EXPECT_EQ(config.routes, (RoutesConfig{254, std::nullopt}));
  EXPECT_EQ(config.crypto, CryptoConfig());
  EXPECT_EQ(config.workers, std::nullopt);
  EXPECT_EQ(config.log.level, LogLevel::kInfo);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(Parse, KnowsTheInterfacesNameInSpiteOfMistakesElsewhere) {
  const auto name_in = [this](const std::string& text) {
    return parse_file(files_.write("broken.yaml", text)).interface_name;
  };
  EXPECT_EQ(name_in(std::string(kInterface) + "nonsense: 1\n"), "tun0");
  EXPECT_EQ(name_in("interface: { name: tun0, mtu: 7 }\n"), "tun0");
  EXPECT_EQ(name_in("interface: { private_key_file: a.key }\n"), std::nullopt);
  EXPECT_EQ(name_in("interface: { name: \"a name\", private_key_file: a.key }\n"), std::nullopt);
  EXPECT_EQ(name_in("interface: { name: tun0\n"), std::nullopt);
}

TEST_F(Parse, ReadsEveryOption) {
  const Config config = parse(
      "interface:\n"
      "  name: wg-berlin_1.a\n"
      "  type: tun\n"
      "  addresses: [10.8.0.1/24, \"fd08::1/64\", 10.9.0.1]\n"
      "  listen_port: 51820\n"
      "  private_key_file: keys/../a.key\n"
      "  mtu: 1420\n"
      "  mss_clamp: auto\n"
      "  fwmark: 0xca6c\n"
      "  offload: off\n"
      "peers:\n"
      "  - name: alice\n"
      "    public_key: " +
      key(kPublicA) +
      "\n"
      "    preshared_key_file: credential:alice.psk\n"
      "    endpoints: [\"vpn.example.org:51820\", \"[2001:db8::7]:1\", \"192.0.2.1:65535\"]\n"
      "    allowed_ips: [10.20.0.0/16, \"fd20::/32\", 10.21.0.1]\n"
      "    persistent_keepalive: 2m\n"
      "  - { name: bob, public_key: " +
      key(kPublicB) +
      ", persistent_keepalive: off }\n"
      "routes: { table: 1000, metric: 50 }\n"
      "crypto: { engine: ipsec-mb, fast_cipher: off }\n"
      "workers: 4\n"
      "log: { level: debug }\n");

  EXPECT_EQ(config.interface.name.value, "wg-berlin_1.a");
  ASSERT_EQ(config.interface.addresses.size(), 3U);
  EXPECT_EQ(config.interface.addresses[0].value.to_string(), "10.8.0.1/24");
  EXPECT_EQ(config.interface.addresses[1].value.to_string(), "fd08::1/64");
  EXPECT_EQ(config.interface.addresses[2].value.to_string(), "10.9.0.1/32");
  EXPECT_EQ(config.interface.listen_port, 51820);
  EXPECT_EQ(config.interface.private_key_file.value, (KeyFile{files_.path("a.key"), false}));
  EXPECT_EQ(config.interface.mtu, 1420);
  EXPECT_EQ(config.interface.mss_clamp, net::kMssFromPath);
  EXPECT_EQ(config.interface.fwmark, 0xca6cU);
  EXPECT_EQ(config.interface.offload, AutoOff::kOff);

  ASSERT_EQ(config.peers.size(), 2U);
  const PeerConfig& alice = config.peers[0];
  EXPECT_EQ(alice.name.value, "alice");
  EXPECT_EQ(alice.public_key.value.to_base64(), kPublicA);
  ASSERT_TRUE(alice.preshared_key_file);
  EXPECT_EQ(alice.preshared_key_file->value, (KeyFile{"alice.psk", true}));
  ASSERT_EQ(alice.endpoints.size(), 3U);
  EXPECT_EQ(alice.endpoints[0].value, (PeerEndpoint{"vpn.example.org", 51820}));
  EXPECT_EQ(alice.endpoints[1].value, (PeerEndpoint{"2001:db8::7", 1}));
  EXPECT_EQ(alice.endpoints[2].value, (PeerEndpoint{"192.0.2.1", 65535}));
  ASSERT_EQ(alice.allowed_ips.size(), 3U);
  EXPECT_EQ(alice.allowed_ips[1].value.to_string(), "fd20::/32");
  EXPECT_EQ(alice.allowed_ips[2].value.to_string(), "10.21.0.1/32");
  EXPECT_EQ(alice.persistent_keepalive, 120s);
  EXPECT_EQ(config.peers[1].persistent_keepalive, std::nullopt);
  EXPECT_TRUE(config.peers[1].endpoints.empty());

  EXPECT_EQ(config.routes, (RoutesConfig{1000, 50}));
  EXPECT_EQ(config.crypto, (CryptoConfig{crypto::EngineChoice::kIpsecMb, AutoOff::kOff}));
  EXPECT_EQ(config.workers, 4U);
  EXPECT_EQ(config.log.level, LogLevel::kDebug);
}

TEST_F(Parse, RemembersWhereValuesStand) {
  const Config config = parse("interface:\n  name: tun0\n  private_key_file: a.key\n");
  EXPECT_EQ(to_string(config.interface.private_key_file.at), files_.path("config.yaml") + ":3:21");
}

TEST_F(Parse, TakesNoRoutesInBothSpellings) {
  EXPECT_EQ(parse(std::string(kInterface) + "routes: none\n").routes.table, std::nullopt);
  EXPECT_EQ(parse(std::string(kInterface) + "routes: { table: off }\n").routes.table, std::nullopt);
}

TEST_F(Parse, KeepsAnAbsoluteKeyFile) {
  EXPECT_EQ(parse("interface: { name: tun0, private_key_file: /etc/tunneld/a.key }\n")
                .interface.private_key_file.value.name,
            "/etc/tunneld/a.key");
}

TEST_F(Parse, TreatsQuotedAndPlainValuesAlike) {
  EXPECT_EQ(parse(std::string(kInterface) + "workers: '3'\n").workers, 3U);
  EXPECT_EQ(parse(std::string(kInterface) + "workers: \"auto\"\n").workers, std::nullopt);
}

TEST_F(Parse, ReadsWindowsFiles) {
  EXPECT_EQ(
      parse("\xef\xbb\xbfinterface:\r\n  name: tun0\r\n  private_key_file: a.key\r\nworkers: 2\r\n").workers,
      2U);
}

TEST_F(Parse, DoesNotMistakeCommentsAndQuotesForStructure) {
  const Config config = parse(
      "# [[[ {{{ \" it's a comment\n"
      "interface: { name: tun0, private_key_file: \"it's [a] {key} # no comment.key\" } # \"\n"
      "\t# a tab before a comment, which indents nothing\n"
      "\t\n"
      "workers: 2\t# and one behind a value\n");
  EXPECT_EQ(config.interface.private_key_file.value.name, files_.path("it's [a] {key} # no comment.key"));
}

TEST_F(Parse, APersistentDeviceHasAsManyQueuesAsAreAskedFor) {
  const auto persist = [this](const std::string& value) {
    return parse("interface: { name: tun0, private_key_file: a.key, persist: " + value + " }\n")
        .interface.persist;
  };
  EXPECT_EQ(persist("false"), std::nullopt);
  EXPECT_EQ(persist("true"), PersistConfig());
  EXPECT_EQ(persist("{}"), PersistConfig());
  EXPECT_EQ(persist("{ queues: 4, owner: 1000 }"),
            (PersistConfig{.owner = 1000, .group = std::nullopt, .queues = 4}));
}

TEST_F(Parse, AllowsNetworksInsideOfNetworks) {
  const Config config = parse(std::string(kInterface) +
                              "peers:\n"
                              "  - { name: a, public_key: " +
                              key(kPublicA) +
                              ", allowed_ips: [10.0.0.0/8] }\n"
                              "  - { name: b, public_key: " +
                              key(kPublicB) + ", allowed_ips: [10.1.0.0/16] }\n");
  EXPECT_EQ(config.peers.size(), 2U);
}

TEST_F(Parse, AllowsASmallMtuWithoutIpv6) {
  EXPECT_EQ(parse("interface: { name: tun0, private_key_file: a.key, mtu: 1KiB, addresses: [10.0.0.1/24] }\n")
                .interface.mtu,
            1024);
}

TEST_F(Parse, WarnsOfATunnelThatWouldCarryItself) {
  const std::string peer = "peers: [ { name: a, public_key: " + key(kPublicA) +
                           ", endpoints: [\"192.0.2.1:51820\"], allowed_ips: [192.0.0.0/8] } ]\n";
  parse(kInterface + peer);
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_THAT(to_string(warnings_[0]),
              testing::HasSubstr("warning: 192.0.0.0/8 contains the peer's own endpoint"));
  parse(kInterface + peer + "routes: none\n");
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(Parse, WarnsOfAFullTunnelOfOneFamilyAndNotOfALoopThatIsNone) {
  const auto with = [this](const std::string& networks, const std::string& more = "") {
    parse(std::string(kInterface) + "peers: [ { name: a, public_key: " + key(kPublicA) +
          ", endpoints: [\"192.0.2.1:51820\"], allowed_ips: [" + networks + "] } ]\n" + more);
  };
  with("0.0.0.0/0, \"::/0\"");
  EXPECT_TRUE(warnings_.empty());
  with("0.0.0.0/0, 192.0.0.0/8");
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_THAT(to_string(warnings_[0]), testing::HasSubstr("a full tunnel of IPv4 only: IPv6 passes by it"));
  with("\"::/0\", 192.0.0.0/8");
  EXPECT_EQ(warnings_.size(), 2U) << "the endpoint's family has routes as ever";
  with("0.0.0.0/0", "client: { kill_switch: true }\n");
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(Parse, OfSeveralPeersWithEndpointsTheServerIsNamedOnlyWhereItMayDecideSomething) {
  const auto with = [this](const std::string& interface, const std::string& client) {
    (void)parse("interface: { name: tun0, private_key_file: a.key" + interface + " }\nclient: " + client +
                "\npeers:\n  - { name: a, public_key: " + key(kPublicA) +
                ", endpoints: [\"192.0.2.1:1\"] }\n  - { name: b, public_key: " + key(kPublicB) +
                ", endpoints: [\"192.0.2.2:1\"] }\n");
  };
  with("", "{ server: b }");
  with("", "{ server: [a, b] }");
  with(", extension: off", "{}");
  with("",
       "{ kill_switch: true, accept: { addresses: false, routes: false, dns: false, mtu: false, keepalive: "
       "false } }");
}

TEST_F(Parse, WarnsOfAPushedDefaultRouteThatCannotWork) {
  const auto with = [this](const std::string& server, const std::string& peer = "") {
    parse(std::string(kInterface) + "peers: [ { name: a, public_key: " + key(kPublicA) + peer +
          " } ]\nserver: { " + server + " }\n");
  };
  const std::string forwarding = ", forwarding: { enabled: true, masquerade: eth0 }";
  with("push: { routes: [0.0.0.0/0, \"::/0\"] }" + forwarding);
  EXPECT_TRUE(warnings_.empty());
  with("push: { routes: [0.0.0.0/0, \"::/0\"] }");
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_THAT(to_string(warnings_[0]), testing::HasSubstr("this host does not forward it"));
  with("push: { routes: [0.0.0.0/0] }" + forwarding);
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_THAT(to_string(warnings_[0]),
              testing::HasSubstr("a full tunnel of IPv4 only: clients' IPv6 passes by it; push '::/0', too"));
  with("client_to_client: false", ", push: { routes: [\"::/0\"] }");
  ASSERT_EQ(warnings_.size(), 2U) << "of one client";
  EXPECT_THAT(to_string(warnings_[1]), testing::HasSubstr("a full tunnel of IPv6 only: clients' IPv4"));
  with("push: { routes: [10.0.0.0/8] }");
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(Parse, WarnsOfClientsThatReachEachOtherOnlyIfThisHostForwards) {
  const auto with = [this](const std::string& server) {
    parse("interface: { name: tun0, private_key_file: a.key }\npeers: [ { name: a, public_key: " +
          key(kPublicA) + " } ]\nserver: { " + server + " }\n");
  };
  with("client_to_client: true");
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_THAT(to_string(warnings_[0]), testing::HasSubstr("add 'forwarding: { enabled: true }'"));
  with("client_to_client: true, forwarding: { enabled: true }");
  EXPECT_TRUE(warnings_.empty());
  with("client_to_client: false");
  EXPECT_TRUE(warnings_.empty());
}

}  // namespace
}  // namespace tunneld::config
