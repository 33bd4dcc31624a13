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

void read_members(const Node& node, BridgeConfig& bridge) {
  const std::string_view expected = "a list of interfaces like [eth1]";
  for (const Node& item : node.items(expected)) {
    auto name = read_interface_name(item, expected);
    if (!name) continue;
    const bool is_known =
        std::ranges::any_of(bridge.members, [&](const auto& member) { return member.value == name->value; });
    if (is_known) {
      item.error(in_quotes(name->value) + " is listed twice", "remove one");
    } else {
      bridge.members.push_back(*std::move(name));
    }
  }
}

}  // namespace

std::optional<BridgeConfig> read_bridge(const Node& node) {
  if (!node.is_map()) {
    auto name = read_interface_name(node, "a bridge's name like br0, or a mapping");
    if (!name) return std::nullopt;
    return BridgeConfig{.name = *std::move(name), .members = {}};
  }
  BridgeConfig bridge;
  Mapping keys(node);
  if (const auto name = keys.require("name", "add a line like 'name: br0'")) {
    bridge.name = read_interface_name(*name, "a bridge's name like br0").value_or(Located<std::string>());
  }
  if (const auto create = keys.find("create")) bridge.create = read_bool(*create).value_or(false);
  const auto members = keys.find("members");
  if (members) read_members(*members, bridge);
  const auto stp = keys.find("stp");
  if (stp) bridge.stp = read_bool(*stp).value_or(false);
  keys.finish();
  for (const auto& option : {members, stp}) {
    if (!option || bridge.create) continue;
    option->error(in_quotes(option->label()) + " is for a bridge that is made here",
                  "add 'create: true', or remove it: a bridge that is there stays as it is");
  }
  return bridge;
}

}  // namespace tunneld::config
