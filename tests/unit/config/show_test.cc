// `check --show` prints a configuration that means the same when it is read back.

#include "config/show.h"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/parse.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {
namespace {

using testing::HasSubstr;

Config parse(const std::string& path) {
  ParseResult result = parse_file(path);
  EXPECT_TRUE(result.config) << to_string(result.diagnostics);
  return result.config.value_or(Config());
}

/// Reads `path`, shows it, reads that from another directory, and compares values and text.
void expect_round_trip(const std::string& path) {
  const Config config = parse(path);
  const std::string shown = show(config);
  const TemporaryFiles elsewhere;
  const Config again = parse(elsewhere.write("shown.yaml", shown));
  EXPECT_EQ(again, config) << shown;
  EXPECT_EQ(show(again), shown);
}

TEST(Show, RoundTripsTheExamples) {
  for (const char* name : {"site-a.yaml", "site-b.yaml", "hub.yaml", "spoke.yaml"}) {
    SCOPED_TRACE(name);
    expect_round_trip(std::string(TUNNELD_SOURCE_DIR) + "/config/" + name);
  }
}

TEST(Show, RoundTripsEveryOption) {
  const TemporaryFiles files;
  const std::string key_a = '"' + std::string(kPublicA) + '"';
  const std::string key_b = '"' + std::string(kPublicB) + '"';
  for (const std::string& rest : std::vector<std::string>{
           "routes: none\n",
           "routes: { table: off, metric: 7 }\n",
           "routes: { table: 4294967295 }\n",
           "routes: { table: default, metric: 4294967295 }\n",
           "crypto: { engine: libsodium }\n",
           "crypto: { engine: ipsec-mb, fast_cipher: off }\n",
           "workers: 256\n",
           "server: { endpoint: \"[2001:db8::1]:51820\" }\n",
           "server: {}\n",
           "server: { pool: [10.8.0.0/24, \"fd08::/64\"], lease_time: 36h, client_to_client: true,\n"
           "  push: { routes: [192.168.10.0/24, 0.0.0.0/0], mtu: 1400, keepalive: 25s,\n"
           "          dns: { servers: [10.8.0.1], search: [corp.example, a.b.] } } }\n"
           "peers: [ { name: a, public_key: " +
               key_a +
               ", address: [10.8.0.10, \"fd08::a\"], push: { routes: [], keepalive: off } },\n"
               "  { name: b, public_key: " +
               key_b + ", persistent_keepalive: off, endpoint_order: random } ]\n",
           "client: {}\n",
           "client: { kill_switch: true, local_networks: [192.168.7.0/24, \"fe80::/10\"] }\n",
           "server: { forwarding: { enabled: true, masquerade: eth0 } }\n",
           "server: { forwarding: { enabled: true, masquerade: [eth0, eth1] } }\n",
           "server: { forwarding: off }\n",
           "groups: { guest: { allow: [\"10.0.0.5:443/tcp\", \"[fd00::/64]:1-9\", 10.0.0.0/8] }, none: { "
           "allow: "
           "[] } }\n"
           "peers: [ { name: a, public_key: " +
               key_a + ", group: guest, allow: [] }, { name: b, public_key: " + key_b +
               ", allow: [10.0.0.1/icmp] } ]\n",
           "client: { accept: { addresses: false, routes: false, default_route: true, dns: false, mtu: "
           "false, keepalive: false } }\n",
           "client: { accept: { routes: [10.0.0.0/8, \"fd00::/8\"] } }\n",
           "log: { level: trace }\n",
           "log: { level: debug }\n",
           "log: { level: warning }\n",
           "log: { level: error }\n",
           "peers: []\n",
           "peers: [ { name: a, public_key: " + key_a +
               ", preshared_key_file: \"credential:psk\" }, { name: b@c, public_key: " + key_b +
               ", endpoints: [\"[fe80::1%eth0]:1\", \"a.b.:2\", \"192.0.2.1:3\"], allowed_ips: [\"::/0\", "
               "0.0.0.0/0], "
               "persistent_keepalive: 90s } ]\n",
           "peers: [ { name: a, public_key: " + key_a + ", persistent_keepalive: 18h } ]\n",
           "peers: [ { name: a, public_key: " + key_a + ", persistent_keepalive: 65535s } ]\n",
       }) {
    SCOPED_TRACE(rest);
    for (const char* interface :
         {"interface: { name: tun0, persist: { queues: 256 }, private_key_file: \"a key: \\\"x\\\" \\\\ # "
          "[b]\" }\n",
          "interface: { name: \"1\", private_key_file: credential:x, addresses: [10.0.0.1/8, \"fd00::1/8\"], "
          "persist: { owner: 1000, group: 0, queues: 4 }, listen_port: 1, mtu: 9000, mss_clamp: 1240, "
          "fwmark: 0xffffffff, offload: off, "
          "dns: { servers: [10.0.0.53, \"fd00::53\"], search: [corp.example, a] } }\n"}) {
      expect_round_trip(files.write("config.yaml", interface + rest));
    }
  }
  for (const char* section :
       {"", "switch: {}\n",
        "switch: { client_to_client: true, ageing: 1m, addresses: 100, addresses_per_peer: 7, "
        "flood_limit: off }\n"}) {
    expect_round_trip(files.write("config.yaml",
                                  "interface: { name: tap0, type: tap, mac_address: \"02:00:00:00:00:01\", "
                                  "private_key_file: a.key }\npeers: [ { name: a, public_key: " +
                                      key_a + ", mac_addresses: [\"02:00:00:00:00:0A\"] } ]\n" + section));
  }
}

TEST(Show, WritesDefaultsOut) {
  const TemporaryFiles files;
  const std::string shown =
      show(parse(files.write("config.yaml", "interface: { name: tun0, private_key_file: a.key }\n")));
  for (const char* line :
       {"  type: tun\n", "  listen_port: auto\n", "  mtu: auto\n", "  mss_clamp: off\n", "  fwmark: off\n",
        "  offload: auto\n", "  table: main\n", "  metric: auto\n", "  engine: auto\n",
        "  fast_cipher: auto\n", "workers: auto\n", "  level: info\n", "peers: []\n"}) {
    EXPECT_THAT(shown, HasSubstr(line));
  }
}

TEST(Show, NamesKeyFilesAndNeverKeys) {
  const TemporaryFiles files;
  files.write("a.key", std::string(kPrivateA) + '\n', 0600);
  const std::string shown =
      show(parse(files.write("config.yaml", "interface: { name: tun0, private_key_file: a.key }\n")));
  EXPECT_THAT(shown, HasSubstr("private_key_file: \"" + files.path("a.key") + '"'));
  EXPECT_THAT(shown, Not(HasSubstr(std::string(kPrivateA))));
}

}  // namespace
}  // namespace tunneld::config
