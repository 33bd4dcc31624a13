#include "config/openvpn_option.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <variant>

#include "common/net/address_class.h"
#include "common/net/dns_name.h"
#include "common/net/ip_address.h"
#include "config/peer_endpoint.h"
#include "config/scalars.h"
#include "config/yaml_writer.h"

namespace tunneld::config {
namespace {

using Words = std::vector<std::string_view>;

/// A key in base64 or hex is longer than the names of most hosts.
constexpr std::size_t kLongestName = 100;

std::string_view word(const Words& words, std::size_t n) {
  return n < words.size() ? words[n] : std::string_view();
}

std::string option(const std::string& path, const std::string& value) {
  return '\'' + path + ": " + value + '\'';
}

/// Behind the quotes: whose option it is.
std::string option_of_peer(const std::string& path, const std::string& value) {
  return option(path, value) + " of the peer";
}

std::string list(const std::string& value) {
  const bool needs_quotes = value.find(':') != std::string::npos;
  return '[' + (needs_quotes ? yaml_scalar(value) : value) + ']';
}

/// "255.255.255.0" is 24.
std::optional<std::uint8_t> length_of_mask(std::string_view text) {
  const auto mask = net::IpAddress::parse(text);
  if (!mask || !mask->is_v4()) return std::nullopt;
  std::uint32_t bits = 0;
  for (const std::uint8_t byte : mask->bytes()) bits = bits << 8U | byte;
  if (std::countl_one(bits) != std::popcount(bits)) return std::nullopt;
  return static_cast<std::uint8_t>(std::popcount(bits));
}

/// "10.0.0.0 255.0.0.0" from the first word on; without a mask, one address.
std::optional<net::IpPrefix> network_v4(std::string_view address, std::string_view mask) {
  const auto parsed = net::IpAddress::parse(address);
  const auto length =
      mask.empty() || mask == "default" ? std::optional<std::uint8_t>(32) : length_of_mask(mask);
  if (!parsed || !parsed->is_v4() || !length) return std::nullopt;
  return net::IpPrefix{*parsed, *length}.network();
}

std::optional<net::IpPrefix> network_v6(std::string_view text) {
  const auto parsed = net::IpPrefix::parse(text);
  if (!parsed || parsed->address.is_v4()) return std::nullopt;
  return parsed->network();
}

std::string remote(std::string_view host) {
  const bool is_v6 = host.find(':') != std::string_view::npos;
  const auto endpoint =
      host.size() > kLongestName
          ? std::variant<PeerEndpoint, EndpointProblem>(EndpointProblem{})
          : parse_endpoint((is_v6 ? '[' + std::string(host) + ']' : std::string(host)) + ":51820");
  const auto* const good = std::get_if<PeerEndpoint>(&endpoint);
  if (good == nullptr) return "";
  return option_of_peer("endpoints", '[' + yaml_scalar(good->to_string()) + ']') +
         ", with the port of the tunneld there";
}

std::string route(const std::optional<net::IpPrefix>& network, std::string_view gateway, bool is_pushed) {
  if (!network) return "";
  const std::string value = list(network->to_string());
  if (gateway.starts_with("net_gateway")) {
    const bool is_local = net::is_private(*network) || net::is_link_local(network->address);
    return is_local && !is_pushed ? option("client.local_networks", value) : "";
  }
  return is_pushed ? option("server.push.routes", value) : option_of_peer("allowed_ips", value);
}

std::string name_server(std::string_view text, bool is_pushed) {
  const auto address = net::IpAddress::parse(text);
  const std::string dns = is_pushed ? "server.push.dns" : "interface.dns";
  return address ? option(dns + ".servers", list(address->to_string())) : "";
}

std::string search_domain(std::string_view name, bool is_pushed) {
  if (name.size() > kLongestName || !net::is_dns_name(name)) return "";
  return option(std::string(is_pushed ? "server.push.dns" : "interface.dns") + ".search",
                list(std::string(name)));
}

std::string dhcp_option(const Words& words, bool is_pushed) {
  const std::string_view kind = word(words, 1);
  if (kind == "DNS" || kind == "DNS6") return name_server(word(words, 2), is_pushed);
  if (kind == "DOMAIN" || kind == "DOMAIN-SEARCH" || kind == "ADAPTER_DOMAIN_SUFFIX")
    return search_domain(word(words, 2), is_pushed);
  return "";
}

/// Of OpenVPN 2.6: "dns server 1 address 10.0.0.1", "dns search-domains corp.example".
std::string dns(const Words& words, bool is_pushed) {
  if (word(words, 1) == "server" && word(words, 3) == "address")
    return name_server(word(words, 4), is_pushed);
  return word(words, 1) == "search-domains" ? search_domain(word(words, 2), is_pushed) : "";
}

std::string pool(const std::optional<net::IpPrefix>& network) {
  return network ? option("server.pool", list(network->to_string())) + ", or another network while both run"
                 : "";
}

std::string keepalive(std::string_view seconds) {
  const auto number = parse_number(seconds);
  constexpr std::uint64_t kMost = 65535;
  if (!number || *number == 0 || *number > kMost) return "";
  return option("server.push.keepalive", std::to_string(*number) + 's');
}

std::string port(std::string_view text) {
  const auto number = parse_number(text);
  constexpr std::uint64_t kLast = 65535;
  if (!number || *number == 0 || *number > kLast) return "";
  return option("interface.listen_port", std::to_string(*number)) + ", or another port while both run";
}

}  // namespace

std::string openvpn_option(const Words& words, bool is_pushed) {
  const std::string_view name = word(words, 0);
  if (name == "redirect-gateway") {
    return is_pushed ? option("server.push.routes", R"([0.0.0.0/0, "::/0"])")
                     : option("client.accept.default_route", "true");
  }
  if (name == "route") return route(network_v4(word(words, 1), word(words, 2)), word(words, 3), is_pushed);
  if (name == "route-ipv6") return route(network_v6(word(words, 1)), word(words, 2), is_pushed);
  if (name == "dhcp-option") return dhcp_option(words, is_pushed);
  if (name == "dns") return dns(words, is_pushed);
  if (is_pushed) return "";
  if (name == "remote") return remote(word(words, 1));
  if (name == "dev") return word(words, 1).starts_with("tap") ? option("interface.type", "tap") : "";
  if (name == "server") return pool(network_v4(word(words, 1), word(words, 2)));
  if (name == "server-ipv6") return pool(network_v6(word(words, 1)));
  if (name == "port" || name == "lport") return port(word(words, 1));
  if (name == "client-to-client")
    return option("server.client_to_client", "true") + ", with " +
           option("server.forwarding.enabled", "true");
  if (name == "keepalive") return keepalive(word(words, 1));
  return "";
}

}  // namespace tunneld::config
