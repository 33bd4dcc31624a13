// What a restricted peer may reach: "10.0.0.0/24", "10.0.0.5:443/tcp", "[fd00::5]:8000-8080",
// "10.0.0.1/icmp".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/net/ip_address.h"

namespace tunneld::config {

struct AccessRule {
  enum class Protocol : std::uint8_t { kAny, kTcp, kUdp, kIcmp };

  /// Without host bits.
  net::IpPrefix destination;
  /// kAny with ports means TCP and UDP. kIcmp means ICMP or ICMPv6, by the destination's family.
  Protocol protocol = Protocol::kAny;
  /// Both 0: all ports.
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;

  /// The shortest way to write it.
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const AccessRule&) const = default;
};

/// "any", "tcp", "udp", "icmp".
[[nodiscard]] std::string_view to_string(AccessRule::Protocol protocol);

/// Why a text is not a rule, worded to follow "the rule 'x' …", and what to write instead.
struct AccessRuleProblem {
  std::string message;
  std::string hint;
};

/// ADDRESS[/LENGTH][:PORT[-PORT]][/tcp|/udp|/icmp]; IPv6 with a port in brackets: [ADDRESS[/LENGTH]]:PORT.
[[nodiscard]] std::variant<AccessRule, AccessRuleProblem> parse_access_rule(std::string_view text);

}  // namespace tunneld::config
