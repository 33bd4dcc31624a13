#include "config/peer_endpoint.h"

#include <algorithm>
#include <limits>

#include "common/net/address_class.h"
#include "config/names.h"
#include "config/scalars.h"

namespace tunneld::config {
namespace {

constexpr std::size_t kLongestName = 253;  // RFC 1035 section 2.3.4, without the dot at the end
constexpr std::size_t kLongestLabel = 63;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

bool is_reachable(const net::IpAddress& address) {
  if (address.is_unspecified()) return false;
  // 224.0.0.0/4 is multicast, 240.0.0.0/4 reserved and broadcast; ff00::/8 is multicast.
  return address.is_v4() ? address.bytes()[0] < 224 : address.bytes()[0] != 0xff;
}

/// Letters, digits, hyphens (RFC 1123 section 2.1) and underscores, which real zones have.
bool is_dns_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > kLongestName) return false;
  while (true) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    const std::string_view label = name.substr(0, dot);
    const auto is_allowed = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; };
    if (label.empty() || label.size() > kLongestLabel || label.front() == '-' || label.back() == '-' ||
        !std::all_of(label.begin(), label.end(), is_allowed)) {
      return false;
    }
    if (dot == name.size()) return true;
    name.remove_prefix(dot + 1);
  }
}

/// No top-level domain is a number: "203.0.113.256" is a mistyped address and not a name to ask the DNS for.
bool looks_numeric(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return !last.empty() && std::all_of(last.begin(), last.end(), is_digit);
}

std::optional<EndpointProblem> check_ipv6(std::string_view host) {
  const std::size_t percent = std::min(host.find('%'), host.size());
  const auto address = net::IpAddress::parse(host.substr(0, percent));
  if (!address || address->is_v4()) return EndpointProblem{"has no IPv6 address in the brackets", ""};
  if (!is_reachable(*address)) return EndpointProblem{"is no address that a peer can have", ""};
  if (percent == host.size() && net::is_link_local(*address)) {
    return EndpointProblem{"is link-local, which needs an interface",
                           "write [" + std::string(host) + "%eth0], with the name of yours"};
  }
  const std::size_t zone = percent == host.size() ? 1 : host.size() - percent - 1;
  if (zone == 0 || zone > kLongestInterfaceName)
    return EndpointProblem{"has no interface name after the '%'", ""};
  return std::nullopt;
}

std::optional<EndpointProblem> check_host(std::string_view host) {
  if (const auto address = net::IpAddress::parse(host)) {
    if (is_reachable(*address)) return std::nullopt;
    return EndpointProblem{"is no address that a peer can have", ""};
  }
  if (looks_numeric(host)) return EndpointProblem{"has no IPv4 address", "write four numbers from 0 to 255"};
  if (!is_dns_name(host))
    return EndpointProblem{"has no host name", "names have letters, digits, '-' and dots"};
  return std::nullopt;
}

}  // namespace

std::string PeerEndpoint::to_string() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

std::variant<PeerEndpoint, EndpointProblem> parse_endpoint(std::string_view text) {
  const EndpointProblem no_port{"has no port", "write host:51820, or [address]:51820 for IPv6"};
  const bool has_brackets = text.starts_with('[');
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.rfind(':');
  if (has_brackets && bracket == std::string_view::npos) return EndpointProblem{"has no closing bracket", ""};
  if (colon == std::string_view::npos || (has_brackets && colon != bracket + 1)) return no_port;
  if (!has_brackets && text.find(':') != colon) {
    return EndpointProblem{"has an IPv6 address without brackets", "write [2001:db8::1]:51820"};
  }

  const std::string_view host = has_brackets ? text.substr(1, bracket - 1) : text.substr(0, colon);
  const auto problem = has_brackets ? check_ipv6(host) : check_host(host);
  if (problem) return *problem;
  const auto port = parse_number(text.substr(colon + 1));
  if (!port || *port == 0 || *port > std::numeric_limits<std::uint16_t>::max()) {
    return EndpointProblem{"has no port from 1 to 65535 at its end", ""};
  }
  return PeerEndpoint{std::string(host), static_cast<std::uint16_t>(*port)};
}

}  // namespace tunneld::config
