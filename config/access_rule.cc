#include "config/access_rule.h"

#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "config/scalars.h"

namespace tunneld::config {
namespace {

using Protocol = AccessRule::Protocol;

constexpr std::array kProtocols{std::pair<std::string_view, Protocol>{"tcp", Protocol::kTcp},
                                std::pair<std::string_view, Protocol>{"udp", Protocol::kUdp},
                                std::pair<std::string_view, Protocol>{"icmp", Protocol::kIcmp}};

/// Takes "/tcp" and the like off the end. False: something else stands there that is no length either.
bool take_protocol(std::string_view& text, Protocol& protocol) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) return true;
  const std::string_view word = text.substr(slash + 1);
  if (word.find_first_not_of("0123456789:-]") == std::string_view::npos) return true;
  for (const auto& [name, value] : kProtocols) {
    if (word != name) continue;
    protocol = value;
    text = text.substr(0, slash);
    return true;
  }
  return false;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || *number == 0 || *number > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

bool take_ports(std::string_view text, AccessRule& rule) {
  const std::size_t dash = text.find('-');
  const auto first = port_of(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : port_of(text.substr(dash + 1));
  if (!first || !last || *first > *last) return false;
  rule.first_port = *first;
  rule.last_port = *last;
  return true;
}

}  // namespace

std::string_view to_string(Protocol protocol) {
  for (const auto& [name, value] : kProtocols) {
    if (value == protocol) return name;
  }
  return "any";
}

std::string AccessRule::to_string() const {
  std::string text = destination.is_single() ? destination.address.to_string() : destination.to_string();
  if (first_port != 0) {
    if (!destination.address.is_v4()) text = '[' + text + ']';
    text += ':' + std::to_string(first_port);
    if (last_port != first_port) text += '-' + std::to_string(last_port);
  }
  if (protocol != Protocol::kAny) text.append("/").append(config::to_string(protocol));
  return text;
}

std::variant<AccessRule, AccessRuleProblem> parse_access_rule(std::string_view text) {
  AccessRule rule;
  if (!take_protocol(text, rule.protocol)) {
    return AccessRuleProblem{"has no protocol at its end", "write /tcp, /udp, /icmp, or nothing for all"};
  }
  std::optional<std::string_view> ports;
  std::string_view destination = text;
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return AccessRuleProblem{"has no closing bracket", ""};
    destination = text.substr(1, bracket - 1);
    const std::string_view rest = text.substr(bracket + 1);
    if (!rest.empty() && !rest.starts_with(':')) {
      return AccessRuleProblem{"has something else than a port behind the bracket",
                               "write [fd00::/64]:443, with the prefix length inside"};
    }
    if (!rest.empty()) ports = rest.substr(1);
  } else if (const std::size_t colon = text.find(':');
             colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
    destination = text.substr(0, colon);
    ports = text.substr(colon + 1);
  }

  const auto prefix = net::IpPrefix::parse(destination);
  if (!prefix) {
    return AccessRuleProblem{"has no address",
                             "write it like 10.0.0.5:443/tcp, 10.1.0.0/16 or \"[fd00::5]:53/udp\""};
  }
  if (prefix->has_host_bits()) {
    return AccessRuleProblem{"has bits set behind its prefix length",
                             "did you mean " + prefix->network().to_string() + "?"};
  }
  rule.destination = *prefix;
  if (ports && rule.protocol == Protocol::kIcmp)
    return AccessRuleProblem{"has a port, which ICMP has not", ""};
  if (ports && !take_ports(*ports, rule)) {
    return AccessRuleProblem{"has no port from 1 to 65535",
                             "write one like :443, or several like :8000-8080"};
  }
  return rule;
}

}  // namespace tunneld::config
