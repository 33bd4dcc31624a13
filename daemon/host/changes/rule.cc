#include "daemon/host/changes/rule.h"

#include "daemon/host/host_state.h"

namespace tunneld::daemon {

bool is_our_rule(const net::Rule& rule) {
  // Earlier versions gave their rules the same protocol number as their routes.
  if (rule.protocol == net::kRouteProtocol) return true;
  return rule.protocol == net::kRuleProtocol && rule.priority >= kFirstRulePriority &&
         rule.priority <= kLastRulePriority;
}

std::string RuleAdded::in_words() const {
  std::string words = rule.family == net::Family::kIpv4 ? "rule " : "rule -6 ";
  words += std::to_string(rule.priority) + ":";
  if (rule.invert) words += " not";
  if (rule.destination) words += " to " + rule.destination->to_string();
  if (rule.mark) words += " fwmark " + std::to_string(*rule.mark);
  words += " table " + std::to_string(rule.table);
  if (rule.suppress_prefix_length) {
    words += " suppress_prefixlength " + std::to_string(*rule.suppress_prefix_length);
  }
  return words;
}

Json RuleAdded::to_json() const {
  Json object{{"family", rule.family == net::Family::kIpv4 ? 4 : 6},
              {"priority", rule.priority},
              {"table", rule.table},
              {"mark_mask", rule.mark_mask},
              {"invert", rule.invert}};
  if (rule.destination) object["destination"] = rule.destination->to_string();
  put_optional(object, "mark", rule.mark);
  put_optional(object, "suppress_prefix_length", rule.suppress_prefix_length);
  return object;
}

std::optional<RuleAdded> RuleAdded::from_json(const Json& json) {
  std::optional<net::IpPrefix> destination;
  if (json.contains("destination")) {
    destination = net::IpPrefix::parse(json["destination"].get<std::string>());
    if (!destination) return std::nullopt;
  }
  return RuleAdded{{.family = json.at("family").get<int>() == 4 ? net::Family::kIpv4 : net::Family::kIpv6,
                    .priority = json.at("priority"),
                    .table = json.at("table"),
                    .destination = destination,
                    .mark = get_optional<std::uint32_t>(json, "mark"),
                    .mark_mask = json.at("mark_mask"),
                    .invert = json.at("invert"),
                    .suppress_prefix_length = get_optional<std::uint32_t>(json, "suppress_prefix_length"),
                    .protocol = net::kRuleProtocol}};
}

Preparation RuleAdded::prepare(net::Netlink&) {
  rule.protocol = net::kRuleProtocol;
  return Preparation::kReady;
}

void RuleAdded::apply(net::Netlink& netlink) const {
  netlink.add_rule(rule);
}

Undone RuleAdded::undo(net::Netlink& netlink) const {
  const auto remove_with = [&](std::uint8_t protocol) {
    net::Rule made = rule;
    made.protocol = protocol;
    return remove_ours([&] { netlink.remove_rule(made); });
  };
  const Undone undone = remove_with(rule.protocol);
  // An earlier version may have made the rule.
  return undone == Undone::kNotOurs ? remove_with(net::kRouteProtocol) : undone;
}

Standing RuleAdded::standing(HostState& now) const {
  return standing_if(now.has_rule(rule));
}

}  // namespace tunneld::daemon
