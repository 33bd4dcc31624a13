// A configuration as a whole: its sections, and what stands outside of one.

#include <iterator>

#include "config/all_options.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

/// Every file may bring peers.
void add_peers(const Node& node, Config& config) {
  std::vector<PeerConfig> peers = read_peers(node);
  config.peers.insert(config.peers.end(), std::move_iterator(peers.begin()), std::move_iterator(peers.end()));
}

void show_peers(std::string_view key, const Config& config, YamlWriter& out) {
  if (config.peers.empty()) return out.line(key, "[]");
  out.begin(key);
  for (const PeerConfig& peer : config.peers) {
    out.begin("-");
    show_options(peer_options(), peer, out);
    out.end();
  }
  out.end();
}

constexpr Access<Config> peers() {
  return {.read = add_peers,
          .show = show_peers,
          .is_same = [](const Config& a, const Config& b) { return a.peers == b.peers; },
          .copy = [](const Config& from, Config& to) { to.peers = from.peers; },
          .describe = describe<peer_options>};
}

/// It is no part of a configuration that has been read.
constexpr Access<Config> include() {
  return {.read = [](const Node& node, Config& /*config*/) { node.source().include(node); },
          .show = [](std::string_view /*key*/, const Config& /*config*/, YamlWriter& /*out*/) {},
          .is_same = [](const Config& /*a*/, const Config& /*b*/) { return true; },
          .copy = [](const Config& /*from*/, Config& /*to*/) {}};
}

constexpr std::string_view kWorkersValues = "auto or a number from 1 to 256";

std::optional<unsigned> read_workers(const Node& node) {
  if (node.is("auto")) return std::nullopt;
  const auto workers = node.number(1, kMostQueues, kWorkersValues);
  return workers ? std::optional(static_cast<unsigned>(*workers)) : std::nullopt;
}

void show_groups(std::string_view key, const std::vector<GroupConfig>& groups, YamlWriter& out) {
  out.begin(key);
  for (const GroupConfig& group : groups) {
    out.begin(to_yaml(group.name));
    show_options(group_options(), group, out);
    out.end();
  }
  out.end();
}

constexpr Access<Config> groups() {
  auto access = value<&Config::groups, read_groups, show_groups>();
  access.describe = describe<group_options>;
  return access;
}

void read_switch(const Node& node, Config& config) {
  read_section(node, switch_options(), config.ethernet_switch);
  if (config.interface.type == DeviceType::kTap) return;
  node.error("'switch' is for a tap, and this is a tun", "set 'type: tap' in 'interface', or remove it");
}

constexpr Access<Config> ethernet_switch() {
  auto access = section<&Config::ethernet_switch, switch_options>();
  access.read = read_switch;
  access.show = [](std::string_view key, const Config& config, YamlWriter& out) {
    if (config.interface.type != DeviceType::kTap) return;
    section<&Config::ethernet_switch, switch_options>().show(key, config, out);
  };
  return access;
}

constexpr Option<Config> kConfigOptions[] = {
    {.key = "interface",
     .values = "a mapping",
     .required = "a configuration starts with it; see the examples",
     .wg_quick = kByItsOptions,
     .value = section<&Config::interface, interface_options>()},
    {.key = "peers", .values = "a list of mappings", .wg_quick = "[Peer]", .value = peers()},
    {.key = "include", .values = "a list of file names or patterns", .unset = "[]", .value = include()},
    {.key = "routes",
     .values = "none or a mapping",
     .unset = "as below",
     .wg_quick = kByItsOptions,
     .value = section<&Config::routes, routes_options, read_short_routes>()},
    {.key = "crypto",
     .values = "a mapping",
     .unset = "as below",
     .reload = Reload::kNeedsRestart,
     .wg_quick = kByItsOptions,
     .value = section<&Config::crypto, crypto_options>()},
    {.key = "workers",
     .values = kWorkersValues,
     .reload = Reload::kNeedsRestart,
     .value = value<&Config::workers, read_workers, kOrAuto>()},
    {.key = "server",
     .values = "a mapping",
     .unset = "none",
     .value = section<&Config::server, server_options>()},
    {.key = "client",
     .values = "a mapping",
     .unset = "none",
     .value = section<&Config::client, client_options>()},
    {.key = "groups", .values = "a mapping of names to groups", .unset = "none", .value = groups()},
    {.key = "switch", .values = "a mapping", .unset = "as below", .value = ethernet_switch()},
    {.key = "log", .values = "a mapping", .unset = "as below", .value = section<&Config::log, log_options>()},
};

}  // namespace

Options<Config> config_options() {
  return kConfigOptions;
}

Options<Config> shared_options() {
  static_assert(kConfigOptions[1].key == "peers" && kConfigOptions[2].key == "include");
  return config_options().subspan(1, 2);
}

std::vector<OptionWords> all_options() {
  std::vector<OptionWords> all;
  describe_options<Config>(OptionWords(), config_options(), all);
  return all;
}

std::vector<std::string> keep_until_restart(const Config& running, Config& wanted) {
  std::vector<std::string> kept;
  keep_options("", config_options(), running, wanted, kept);
  return kept;
}

}  // namespace tunneld::config
