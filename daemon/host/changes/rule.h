// A routing policy rule.
//
// It has the kernel's protocol number (net::kRuleProtocol), which rules of administrators and other programs
// do not have. A rule is removed only if all its fields are as in the journal. is_our_rule() identifies rules
// that no journal names.
#pragma once

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// All our rules have priorities in this range, which the kernel never uses. It ends shortly before the rule
/// for the main table (32766).
inline constexpr std::uint32_t kFirstRulePriority = 32500;
inline constexpr std::uint32_t kLastRulePriority = 32709;

/// Identifies our rules if no journal names them. The kernel's own rules have the priorities 0, 1000 (VRF),
/// 32766 and 32767 (net/ipv4/fib_rules.c, drivers/net/vrf.c), and no other program uses the kernel's protocol
/// number.
[[nodiscard]] bool is_our_rule(const net::Rule& rule);

struct RuleAdded {
  /// prepare() sets its protocol to net::kRuleProtocol; a plan need not.
  net::Rule rule;
  bool operator==(const RuleAdded& other) const {
    net::Rule wish = other.rule;
    wish.protocol = rule.protocol;  // only prepare() sets it
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
