// A routing policy rule.
//
// It has the kernel's protocol number (net::kRuleProtocol), which rules of people and other programs do not
// have. A rule is removed only if every field is as the journal says. For those that no journal names, see
// is_our_rule(): the kernel makes no such rules itself.
#pragma once

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// All our rules are between these, and none of the kernel's: shortly before the main table's 32766.
inline constexpr std::uint32_t kFirstRulePriority = 32500;
inline constexpr std::uint32_t kLastRulePriority = 32709;

/// For a rule that no journal names. The kernel's own have the priorities 0, 1000 (VRF), 32766 and 32767
/// (net/ipv4/fib_rules.c, drivers/net/vrf.c), and nobody else makes rules in its name.
[[nodiscard]] bool is_our_rule(const net::Rule& rule);

struct RuleAdded {
  /// Its protocol is net::kRuleProtocol, whatever it is here.
  net::Rule rule;
  bool operator==(const RuleAdded& other) const {
    net::Rule wish = other.rule;
    wish.protocol = rule.protocol;  // of what was made: prepare()
    return rule == wish;
  }

  static constexpr std::string_view kName = "rule";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<RuleAdded> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] Standing standing(HostState& now) const;
};

}  // namespace tunneld::daemon
