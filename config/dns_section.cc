// `dns:`, of the interface and of what a server pushes: name servers and search domains.

#include "common/net/address_class.h"
#include "common/net/dns_name.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

constexpr std::size_t kMostDnsServers = 8;
constexpr std::size_t kMostSearchDomains = 16;
// Half of what one CONFIG message carries (docs/extension.md).
constexpr std::size_t kMostBytesOfDomains = 450;

std::vector<Located<net::IpAddress>> read_dns_servers(const Node& node) {
  std::vector<Located<net::IpAddress>> servers;
  const std::string_view expected = "a list of addresses like [10.8.0.1]";
  for (const Node& item : node.items(expected)) {
    const auto text = item.text(expected);
    if (!text) continue;
    const auto address = net::IpAddress::parse(*text);
    if (!address || !net::is_host_address(*address)) {
      item.error(in_quotes(*text) + " is no address that a client could ask",
                 "name the DNS server by its address, like 10.8.0.1");
    } else {
      servers.push_back({*address, item.at()});
    }
  }
  if (const std::string excess = excess_of({servers, {}}); !excess.empty()) node.error(excess, "name fewer");
  return servers;
}

std::vector<Located<std::string>> read_search_domains(const Node& node) {
  std::vector<Located<std::string>> domains;
  const std::string_view expected = "a list of domains like [corp.example]";
  for (const Node& item : node.items(expected)) {
    auto text = item.text(expected);
    if (!text) continue;
    if (!net::is_dns_name(*text)) {
      item.error(in_quotes(*text) + " is no DNS name", "write it like corp.example");
      continue;
    }
    if (text->ends_with('.')) text->pop_back();
    domains.push_back({*text, item.at()});
  }
  if (const std::string excess = excess_of({{}, domains}); !excess.empty()) node.error(excess, "name fewer");
  return domains;
}

std::optional<bool> read_own_resolver(const Node& node) {
  return node.choice(kBools);
}

/// Whoever needs this option knows of it.
std::string show_own_resolver(bool own_resolver) {
  return own_resolver ? "true" : "";
}

constexpr Option<DnsConfig> kDnsOptions[] = {
    {.key = "servers",
     .values = "a list of up to 8 addresses",
     .wg_quick = "DNS",
     .value = value<&DnsConfig::servers, read_dns_servers>()},
    {.key = "search",
     .values = "a list of up to 16 domains",
     .wg_quick = "DNS",
     .value = value<&DnsConfig::search, read_search_domains>()},
    // Only the host itself knows this; pushed_dns_options() ends before it.
    {.key = "own_resolver",
     .values = "true or false",
     .unset = "false",
     .value = value<&DnsConfig::own_resolver, read_own_resolver, show_own_resolver>()},
};

}  // namespace

std::string excess_of(const DnsConfig& dns) {
  if (dns.servers.size() > kMostDnsServers) return "more than 8 DNS servers";
  std::size_t bytes = 0;
  for (const auto& domain : dns.search) bytes += domain.value.size() + 2;
  const bool is_too_much = dns.search.size() > kMostSearchDomains || bytes > kMostBytesOfDomains;
  return is_too_much ? "more than 16 search domains, or too long ones" : "";
}

Options<DnsConfig> dns_options() {
  return kDnsOptions;
}

Options<DnsConfig> pushed_dns_options() {
  return dns_options().first(2);
}

}  // namespace tunneld::config
