// The examples are what people start from: they parse as they are, fit together, and run with the keys at
// their heads.

#include <map>
#include <regex>

#include <gtest/gtest.h>

#include "config/load_keys.h"
#include "config/parse.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {
namespace {

const std::string kFolder = std::string(TUNNELD_SOURCE_DIR) + "/config/";

/// The files that the commands at the head of an example would write.
std::map<std::string, std::string> published_keys(const std::string& text) {
  static const std::regex kCommand(R"(#   \(umask 077; echo '([^']+)' > ([a-z0-9.-]+)\))");
  std::map<std::string, std::string> keys;
  for (std::sregex_iterator match(text.begin(), text.end(), kCommand), end; match != end; ++match) {
    keys[(*match)[2]] = (*match)[1];
  }
  return keys;
}

struct Example {
  Config config;
  Keys keys;
};

/// Runs an example as its head tells to: a copy of it, and its keys beside it.
std::optional<Example> follow(const std::string& name) {
  const TemporaryFiles files;
  const std::string text = read_text(kFolder + name);
  const std::string path = files.write(name, text);
  for (const auto& [file, key] : published_keys(text)) files.write(file, key + '\n', 0600);
  ParseResult parsed = parse_file(path);
  EXPECT_TRUE(parsed.diagnostics.empty()) << to_string(parsed.diagnostics);
  if (!parsed.config) return std::nullopt;
  KeysResult loaded = load_keys(*parsed.config, NotPermitted::kIsError);
  EXPECT_TRUE(loaded.diagnostics.empty()) << to_string(loaded.diagnostics);
  if (!loaded.keys) return std::nullopt;
  return Example{std::move(*parsed.config), std::move(*loaded.keys)};
}

bool know_each_other(const Example& a, const Example& b) {
  const auto has = [](const Example& example, const crypto::PublicKey& key) {
    return std::any_of(example.config.peers.begin(), example.config.peers.end(),
                       [&key](const PeerConfig& peer) { return peer.public_key.value == key; });
  };
  return has(a, b.keys.private_key.public_key()) && has(b, a.keys.private_key.public_key());
}

bool takes(const Example& example, const net::IpAddress& address) {
  for (const PeerConfig& peer : example.config.peers) {
    for (const auto& network : peer.allowed_ips) {
      if (network.value.contains(address)) return true;
    }
  }
  return false;
}

void expect_connected(const char* first, const char* second) {
  const auto a = follow(first);
  const auto b = follow(second);
  ASSERT_TRUE(a && b);
  EXPECT_TRUE(know_each_other(*a, *b));
  for (const auto& address : a->config.interface.addresses) EXPECT_TRUE(takes(*b, address.value.address));
  for (const auto& address : b->config.interface.addresses) EXPECT_TRUE(takes(*a, address.value.address));
}

TEST(Examples, OfTwoSitesConnect) {
  expect_connected("site-a.yaml", "site-b.yaml");
}

TEST(Examples, OfHubAndSpokeConnect) {
  expect_connected("hub.yaml", "spoke.yaml");
  const auto hub = follow("hub.yaml");
  const auto spoke = follow("spoke.yaml");
  ASSERT_TRUE(hub && spoke);
  const auto* hubs = find_preshared_key(hub->keys.preshared_keys, hub->config.peers[0]);
  const auto* spokes = find_preshared_key(spoke->keys.preshared_keys, spoke->config.peers[0]);
  ASSERT_TRUE(hubs && spokes);
  EXPECT_TRUE(std::equal(hubs->secret().view().begin(), hubs->secret().view().end(),
                         spokes->secret().view().begin()));
}

TEST(Examples, OfServerAndClientConnect) {
  const auto server = follow("server.yaml");
  const auto client = follow("client.yaml");
  ASSERT_TRUE(server && client);
  EXPECT_TRUE(know_each_other(*server, *client));
  EXPECT_TRUE(server->config.server && client->config.client);
}

/// Provokes the error that lists the options of a section, and looks each of them up in the manual.
TEST(Manual, DescribesEveryOption) {
  const std::string manual = read_text(std::string(TUNNELD_SOURCE_DIR) + "/docs/config.md");
  const TemporaryFiles files;
  const ParseResult result = parse_file(files.write("config.yaml",
                                                    "interface: { unheard-of-one: 1 }\n"
                                                    "peers: [ { unheard-of-one: 1 } ]\n"
                                                    "routes: { unheard-of-one: 1 }\n"
                                                    "crypto: { unheard-of-one: 1 }\n"
                                                    "server: { unheard-of-one: 1 }\n"
                                                    "client: { unheard-of-one: 1 }\n"
                                                    "groups: { any: { allow: [], unheard-of-one: 1 } }\n"
                                                    "switch: { unheard-of-one: 1 }\n"
                                                    "log: { unheard-of-one: 1 }\n"
                                                    "unheard-of-one: 1\n"));
  std::size_t options = 0;
  for (const Diagnostic& diagnostic : result.diagnostics) {
    constexpr std::string_view kKnown = "known are ";
    if (!diagnostic.hint.starts_with(kKnown)) continue;
    std::istringstream words(diagnostic.hint.substr(kKnown.size()));
    for (std::string word; words >> word; ++options) {
      if (word.back() == ',') word.pop_back();
      const bool is_option = manual.find("| `" + word + "` |") != std::string::npos;
      const bool is_section = manual.find("\n## " + word + '\n') != std::string::npos;
      EXPECT_TRUE(is_option || is_section) << word;
    }
  }
  EXPECT_GT(options, 25U) << "the lists were not found";
}

}  // namespace
}  // namespace tunneld::config
