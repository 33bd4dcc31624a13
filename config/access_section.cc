// `groups:` and `allow:`: what restricted peers may reach.

#include <algorithm>

#include "config/names.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

constexpr Option<GroupConfig> kGroupOptions[] = {
    {.key = "allow",
     .values = "a list of rules",
     .required = "list what its peers may reach, or [] for nothing",
     .value = value<&GroupConfig::allow, read_allow>()},
};

}  // namespace

std::vector<Located<AccessRule>> read_allow(const Node& node) {
  const std::string_view expected = "a list of rules like [\"10.0.0.5:443/tcp\"]";
  std::vector<Located<AccessRule>> rules;
  for (const Node& item : node.items(expected)) {
    const auto text = item.text(expected);
    if (!text) continue;
    const auto parsed = parse_access_rule(*text);
    if (const auto* problem = std::get_if<AccessRuleProblem>(&parsed)) {
      item.error("the rule " + in_quotes(*text) + ' ' + problem->message, problem->hint);
      continue;
    }
    const Located<AccessRule> rule{std::get<AccessRule>(parsed), item.at()};
    if (std::find(rules.begin(), rules.end(), rule) != rules.end()) {
      item.error("the rule " + in_quotes(*text) + " is listed twice", "remove one");
      continue;
    }
    rules.push_back(rule);
  }
  return rules;
}

Options<GroupConfig> group_options() {
  return kGroupOptions;
}

std::vector<GroupConfig> read_groups(const Node& node) {
  std::vector<GroupConfig> groups;
  Mapping names(node);
  if (!names.is_valid()) return groups;
  const std::vector<YamlNode>& children = node.yaml().children;
  for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
    const Node name(children[i], node.source(), node.label());
    const auto text = name.text(kExpectedPeerName);
    if (!text) continue;
    const auto group = names.find(*text);
    if (!is_peer_name(*text)) {
      name.error(in_quotes(*text) + " is no name for a group", "take " + std::string(kExpectedPeerName));
      continue;
    }
    if (!group) continue;
    GroupConfig read{.name = {*text, name.at()}, .allow = {}};
    read_section(Node(group->yaml(), node.source(), *text), group_options(), read);
    groups.push_back(std::move(read));
  }
  return groups;
}

}  // namespace tunneld::config
