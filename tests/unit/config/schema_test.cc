// The JSON schema: it is the committed one, refuses nothing that can be run, and of the broken files all but those that
// only the loader can refuse.
#include "config/schema.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/all_options.h"
#include "config/parse.h"
#include "config/show.h"
#include "tests/unit/config/broken_configs.h"
#include "tests/unit/config/only_the_loader.h"
#include "tests/unit/config/schema_check.h"

namespace tunneld::config {
namespace {

TEST(Schema, IsTheOneThatIsInstalled) {
  EXPECT_EQ(read_text(std::string(TUNNELD_SOURCE_DIR) + "/config/tunneld.schema.json"),
            json_schema().dump(2) + "\n")
      << "run `tunneld check --schema > config/tunneld.schema.json`";
}

/// Valid files, by name.
std::map<std::string, std::string> valid_files() {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(TUNNELD_SOURCE_DIR) + "/config")) {
    if (entry.path().extension() != ".yaml") continue;
    files["example " + entry.path().filename().string()] = read_text(entry.path());
    const ParseResult parsed = parse_file(entry.path());
    EXPECT_TRUE(parsed.config) << entry.path();
    if (parsed.config) files["shown " + entry.path().filename().string()] = show(*parsed.config);
  }
  const std::string interface = "interface: { name: tun0, private_key_file: a.key }\n";
  const std::string tap = "interface: { name: tap0, type: tap, private_key_file: a.key, ";
  const std::string peer = "peers: [ { name: a, public_key: \"" + std::string(kPublicA) + "\", ";
  // Each form that an option can have, and texts that YAML 1.1 takes for something else.
  int number = 0;
  for (const std::string& text : std::vector<std::string>{
           interface + "include: [peers.d/*.yaml]\nworkers: 4\nlog: { level: debug }\n",
           interface + "workers: auto\ncrypto: { engine: auto, fast_cipher: off }\nroutes: none\n",
           interface + "workers: \"4\"\nroutes: { table: off, metric: auto }\n",
           interface +
               "routes: { table: 0x10, metric: 7 }\nclient: { accept: { routes: false, dns: true } }\n" +
               peer + "endpoints: [\"192.0.2.1:51820\"] } ]\n",
           interface + "client: { accept: { routes: [10.0.0.0/8] }, server: a, kill_switch: true }\n" + peer +
               "endpoints: [vpn.example.org:51820, \"[2001:db8::1]:7\"], persistent_keepalive: 25s } ]\n",
           interface + "client: { server: [a], local_networks: [] }\n" + peer + "endpoints: [a:1] } ]\n",
           "interface: { name: 1234, private_key_file: 7, mtu: 1400, mss_clamp: off, fwmark: 0XFF, offload: "
           "off,\n"
           "  extension: auto, listen_port: auto, status_group: 0, addresses: [10.0.0.1, \"fd00::1/64\"],\n"
           "  dns: { servers: [10.8.0.1], search: [corp.example], own_resolver: true } }\n",
           "interface: { name: tun0, private_key_file: credential:key, mtu: 2KiB, mss_clamp: auto, fwmark: "
           "off,\n"
           "  listen_port: \"51820\", persist: true }\n",
           "interface: { name: tun0, private_key_file: a.key, persist: { owner: root, group: 0, queues: 2 } "
           "}\n",
           "interface: { name: tun0, private_key_file: a.key, persist: false, mtu: auto, mss_clamp: 1200 }\n",
           tap + "bridge: br0, mac_address: 02:00:00:00:00:01 }\n" + peer +
               "mac_addresses: [02:10:10:10:10:10] } ]\n",
           tap + "bridge: { name: br0, create: true, members: [eth1], stp: false } }\n"
                 "switch: { ageing: 5m, addresses: 100, addresses_per_peer: 8, flood_limit: off }\n",
           interface + "server: { forwarding: off, lease_time: 30d, pool: [10.8.0.0/24] }\n",
           interface +
               "server: { forwarding: { enabled: true, masquerade: eth0 }, endpoint: \"a.example:51820\" }\n",
           interface + "server: { forwarding: { enabled: false, masquerade: off } }\n" + peer +
               "push: { routes: [10.0.0.0/8], mtu: 1400, keepalive: off }, address: [10.8.0.7] } ]\n",
           interface +
               "server: { forwarding: { enabled: true, masquerade: [eth0, wlan0] }, client_to_client: true,\n"
               "  pool: [10.8.0.0/24], push: { dns: { servers: [10.8.0.1] }, keepalive: 25s } }\n"
               "groups: { staff: { allow: [\"10.0.0.5:443/tcp\", 10.1.0.0/16] }, guests: { allow: [] } }\n" +
               peer + "group: staff, endpoint_order: random, allowed_ips: [10.9.0.1/32] } ]\n",
       }) {
    const std::string name = std::to_string(number++);
    files[name] = text;
    const TemporaryFiles folder;
    const ParseResult parsed = parse_file(folder.write("a.yaml", text));
    EXPECT_TRUE(parsed.config) << text << to_string(parsed.diagnostics);
    if (parsed.config) files["shown " + name] = show(*parsed.config);
  }
  files["included"] = peer + "allowed_ips: [10.9.0.2/32] } ]\ninclude: [more.yaml]\n";
  return files;
}

TEST(Schema, RefusesNothingThatIsAccepted) {
  std::map<std::string, std::string> files;
  for (const auto& [name, text] : valid_files()) {
    std::string file = name;
    std::ranges::replace(file, ' ', '_');
    files[file] = text;
  }
  const auto refused = refused_by_schema(files);
  if (!refused) GTEST_SKIP() << "needs python3-jsonschema and python3-yaml";
  for (const auto& [name, why] : *refused) ADD_FAILURE() << name << ": " << why << "\n" << files[name];
  EXPECT_EQ(refused_by_schema({{"broken", "interface: 7\n"}})->size(), 1U) << "it would see a mistake";
}

TEST(Schema, RefusesWhatIsWrongWithOneValue) {
  std::map<std::string, std::string> files;
  std::set<std::string> accepted;
  for (const Broken& broken : kBroken) {
    files[broken.name] = take_mark(expand(broken)).text;
    accepted.insert(broken.name);
  }
  const auto refused = refused_by_schema(files);
  if (!refused) GTEST_SKIP() << "needs python3-jsonschema and python3-yaml";
  for (const auto& [name, why] : *refused) accepted.erase(name);
  EXPECT_THAT(accepted, testing::ContainerEq(only_the_loader_refuses()));
}

TEST(Schema, KnowsEveryOption) {
  for (const OptionWords& option : all_options()) {
    const Json* at = nullptr;
    const Json schema = json_schema();
    const Json* here = &schema;
    std::istringstream path(option.path);
    for (std::string key; std::getline(path, key, '.');) {
      // A mapping stands alone, beside a short form, in a list, or behind names.
      if (const Json* kinds = here->find("anyOf"); kinds != nullptr && !here->contains("properties"))
        here = &kinds->at(0);
      if (const Json* items = here->find("items")) here = items;
      if (const Json* named = here->find("additionalProperties"); named != nullptr && named->is_object())
        here = named;
      ASSERT_TRUE(here->contains("properties")) << option.path;
      at = here->at("properties").find(key);
      ASSERT_NE(at, nullptr) << option.path;
      here = at;
    }
    EXPECT_THAT(at->at("description").get<std::string>(), testing::StartsWith(option.values)) << option.path;
  }
}

}  // namespace
}  // namespace tunneld::config
