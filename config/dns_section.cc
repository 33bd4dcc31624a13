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

void read_servers(const Node& node, DnsConfig& dns) {
  const std::string_view expected = "a list of addresses like [10.8.0.1]";
  for (const Node& item : node.items(expected)) {
    const auto text = item.text(expected);
    if (!text) continue;
    const auto address = net::IpAddress::parse(*text);
    if (!address || !net::is_host_address(*address)) {
      item.error(in_quotes(*text) + " is no address that a client could ask",
                 "name the DNS server by its address, like 10.8.0.1");
    } else {
      dns.servers.push_back({*address, item.at()});
    }
  }
  if (const std::string excess = excess_of({dns.servers, {}}); !excess.empty())
    node.error(excess, "name fewer");
}

void read_search(const Node& node, DnsConfig& dns) {
  const std::string_view expected = "a list of domains like [corp.example]";
  for (const Node& item : node.items(expected)) {
    auto text = item.text(expected);
    if (!text) continue;
    if (!net::is_dns_name(*text)) {
      item.error(in_quotes(*text) + " is no DNS name", "write it like corp.example");
      continue;
    }
    if (text->ends_with('.')) text->pop_back();
    dns.search.push_back({*text, item.at()});
  }
  if (const std::string excess = excess_of({{}, dns.search}); !excess.empty())
    node.error(excess, "name fewer");
}

}  // namespace

std::string excess_of(const DnsConfig& dns) {
  if (dns.servers.size() > kMostDnsServers) return "more than 8 DNS servers";
  std::size_t bytes = 0;
  for (const auto& domain : dns.search) bytes += domain.value.size() + 2;
  const bool is_too_much = dns.search.size() > kMostSearchDomains || bytes > kMostBytesOfDomains;
  return is_too_much ? "more than 16 search domains, or too long ones" : "";
}

DnsConfig read_dns(const Node& node, DnsOf whose) {
  DnsConfig dns;
  Mapping keys(node);
  if (const auto servers = keys.find("servers")) read_servers(*servers, dns);
  if (const auto search = keys.find("search")) read_search(*search, dns);
  if (whose == DnsOf::kInterface) {
    if (const auto own = keys.find("own_resolver")) dns.own_resolver = read_bool(*own).value_or(false);
  }
  keys.finish();
  return dns;
}

}  // namespace tunneld::config
