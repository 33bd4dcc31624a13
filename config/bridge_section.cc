// `bridge:` of the interface: one that is there, by its name, or one to be made.

#include <algorithm>

#include "config/names.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

std::optional<Located<std::string>> read_interface_name(const Node& node, std::string_view expected) {
  const auto name = node.text(expected);
  if (!name) return std::nullopt;
  if (!is_interface_name(*name)) {
    node.error(in_quotes(*name) + " cannot be an interface's name", "1 to 15 letters, digits or _=+.-");
    return std::nullopt;
  }
  return Located<std::string>{*name, node.at()};
}

std::optional<Located<std::string>> read_bridge_name(const Node& node) {
  return read_interface_name(node, "a bridge's name like br0");
}

std::vector<Located<std::string>> read_bridge_members(const Node& node) {
  std::vector<Located<std::string>> members;
  const std::string_view expected = "a list of interfaces like [eth1]";
  for (const Node& item : node.items(expected)) {
    auto name = read_interface_name(item, expected);
    if (!name) continue;
    const bool is_known =
        std::ranges::any_of(members, [&](const auto& member) { return member.value == name->value; });
    if (is_known) {
      item.error(in_quotes(name->value) + " is listed twice", "remove one");
    } else {
      members.push_back(*std::move(name));
    }
  }
  return members;
}

constexpr Option<BridgeConfig> kBridgeOptions[] = {
    {.key = "name",
     .values = "an interface's name",
     .required = "add a line like 'name: br0'",
     .value = value<&BridgeConfig::name, read_bridge_name>()},
    {.key = "create", .value = flag<&BridgeConfig::create>()},
    {.key = "members",
     .values = "a list of interfaces",
     .value = value<&BridgeConfig::members, read_bridge_members>()},
    {.key = "stp", .value = flag<&BridgeConfig::stp>()},
};

}  // namespace

Options<BridgeConfig> bridge_options() {
  return kBridgeOptions;
}

bool read_bridge(const Node& node, std::optional<BridgeConfig>& bridge) {
  if (!node.is_map()) {
    auto name = read_interface_name(node, "a bridge's name like br0, or a mapping");
    if (name) bridge = BridgeConfig{.name = *std::move(name), .members = {}};
    return true;
  }
  Mapping keys(node);
  read_options(keys, bridge_options(), bridge.emplace());
  keys.finish();
  for (const char* key : {"members", "stp"}) {
    const auto option = keys.find(key);
    if (!option || bridge->create) continue;
    option->error(in_quotes(option->label()) + " is for a bridge that is made here",
                  "add 'create: true', or remove it: a bridge that is there stays as it is");
  }
  return true;
}

void show_bridge(std::string_view key, const std::optional<BridgeConfig>& bridge, YamlWriter& out) {
  if (!bridge) return;
  out.begin(key);
  for (const Option<BridgeConfig>& option : bridge_options()) {
    const bool is_of_ours = option.key == "members" || option.key == "stp";
    if (bridge->create || !is_of_ours) option.value.show(option.key, *bridge, out);
  }
  out.end();
}

}  // namespace tunneld::config
