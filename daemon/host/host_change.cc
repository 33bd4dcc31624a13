#include "daemon/host/host_change.h"

#include <algorithm>

#include "common/json.h"
#include "common/net/dns_name.h"
#include "daemon/host/changes/nft_table.h"

namespace tunneld::daemon {
namespace {

// --- words

std::string words_of(const DeviceOpened& opened) {
  return "offloads and flags of " + opened.interface.name;
}

std::string words_of(const LinkAddress& link) {
  return "link " + link.interface.name + " address " + link.address.to_string();
}

std::string words_of(const BridgeMade& made) {
  return "bridge " + made.bridge.name + " up, stp " + (made.spanning_tree ? "on" : "off");
}

std::string words_of(const BridgePort& port) {
  return "link " + port.interface.name + " master " + port.bridge.name + (port.is_member ? ", up" : "");
}

std::string words_of(const LinkUp& link) {
  return "link " + link.interface.name + " up, mtu " + std::to_string(link.mtu);
}

std::string words_of(const AddressAdded& added) {
  return "address " + added.address.to_string() + " dev " + added.interface.name;
}

std::string words_of(const RouteAdded& added) {
  std::string words = "route " + added.destination.to_string() + " dev " + added.interface.name;
  if (added.table != net::kMainTable) words += " table " + std::to_string(added.table);
  if (added.metric) words += " metric " + std::to_string(*added.metric);
  return words;
}

std::string words_of(const RuleAdded& added) {
  const net::Rule& rule = added.rule;
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

std::string words_of(const SysctlSet& set) {
  return "sysctl " + set.name + " = " + set.value;
}

std::string words_of(const ForwardingOn& on) {
  return on.family == net::Family::kIpv4 ? "forwarding of IPv4 on" : "forwarding of IPv6 on";
}

std::string words_of(const NftTable& table) {
  return "nft table inet " + table.name + (table.fail_closed ? ", which outlives a crash" : "");
}

std::string words_of(const BridgeFilter& filter) {
  std::string words = "nft table bridge " + nft_table_name(filter.interface.name) + ":";
  if (filter.no_routers) words += " no router of this host is a peer";
  if (filter.isolates) words += filter.no_routers ? ", peers kept apart" : " peers kept apart";
  return words;
}

std::string words_of(const DnsSet& set) {
  std::string words = "dns";
  for (const net::IpAddress& server : set.servers) words += " " + server.to_string();
  if (!set.search.empty()) words += " domains";
  for (const std::string& domain : set.search) words += " " + domain;
  if (set.all_names) words += " for all names";
  return words + " dev " + set.interface.name;
}

// --- to JSON

template <typename Value>
void put_if(Json& object, const char* key, const std::optional<Value>& value) {
  if (value) object[key] = *value;
}

Json interface_json(const char* kind, const Interface& interface) {
  return {{"kind", kind}, {"interface", interface.name}, {"index", interface.index}};
}

Json json_of(const DeviceOpened& opened) {
  Json object = interface_json("device", opened.interface);
  const net::TunState& before = opened.before;
  object["tap"] = before.kind == net::DeviceKind::kTap;
  object["multi_queue"] = before.multi_queue;
  object["packet_info"] = before.packet_info;
  object["has_header"] = before.has_header;
  object["header_size"] = before.header_size;
  object["offloads"] = before.offloads;
  object["wanted"] = before.wanted;
  return object;
}

Json json_of(const LinkAddress& link) {
  Json object = interface_json("link_address", link.interface);
  object["address"] = link.address.to_string();
  if (link.before) object["before"] = link.before->to_string();
  return object;
}

Json json_of(const BridgeMade& made) {
  Json object = interface_json("bridge", made.bridge);
  object["stp"] = made.spanning_tree;
  return object;
}

Json json_of(const BridgePort& port) {
  Json object = interface_json("bridge_port", port.interface);
  object["bridge"] = port.bridge.name;
  object["bridge_index"] = port.bridge.index;
  object["member"] = port.is_member;
  put_if(object, "before_up", port.before);
  return object;
}

Json json_of(const LinkUp& link) {
  Json object = interface_json("link", link.interface);
  object["mtu"] = link.mtu;
  object["link_local"] = link.link_local;
  if (link.before) {
    Json& before = object["before"] = Json::object();
    put_if(before, "mtu", link.before->mtu);
    put_if(before, "up", link.before->up);
    put_if(before, "address_generation", link.before->address_generation);
  }
  return object;
}

Json json_of(const AddressAdded& added) {
  Json object = interface_json("address", added.interface);
  object["address"] = added.address.to_string();
  return object;
}

Json json_of(const RouteAdded& added) {
  Json object = interface_json("route", added.interface);
  object["destination"] = added.destination.to_string();
  object["table"] = added.table;
  put_if(object, "metric", added.metric);
  return object;
}

Json json_of(const RuleAdded& added) {
  const net::Rule& rule = added.rule;
  Json object{{"kind", "rule"},
              {"family", rule.family == net::Family::kIpv4 ? 4 : 6},
              {"priority", rule.priority},
              {"table", rule.table},
              {"mark_mask", rule.mark_mask},
              {"invert", rule.invert}};
  if (rule.destination) object["destination"] = rule.destination->to_string();
  put_if(object, "mark", rule.mark);
  put_if(object, "suppress_prefix_length", rule.suppress_prefix_length);
  return object;
}

Json json_of(const SysctlSet& set) {
  Json object{{"kind", "sysctl"}, {"name", set.name}, {"value", set.value}};
  put_if(object, "before", set.before);
  return object;
}

Json json_of(const ForwardingOn& on) {
  return {{"kind", "forwarding"}, {"family", on.family == net::Family::kIpv4 ? 4 : 6}, {"before", on.before}};
}

Json json_of(const NftTable& table) {
  return {{"kind", "nft"}, {"name", table.name}, {"fail_closed", table.fail_closed}};
}

Json json_of(const BridgeFilter& filter) {
  Json object = interface_json("bridge_filter", filter.interface);
  object["no_routers"] = filter.no_routers;
  object["isolates"] = filter.isolates;
  return object;
}

Json json_of(const DnsSet& set) {
  Json object = interface_json("dns", set.interface);
  Json& servers = object["servers"] = Json::array();
  for (const net::IpAddress& server : set.servers) servers.push_back(server.to_string());
  object["search"] = set.search;
  object["all_names"] = set.all_names;
  if (set.own_resolver) object["own_resolver"] = true;
  object["keeper"] = static_cast<int>(set.keeper);
  object["place"] = set.place;
  object["file"] = set.file;
  object["program"] = set.program;
  object["made_file"] = set.made_file;
  return object;
}

// --- from JSON: whatever is missing or of another type throws Json::Error

template <typename Value>
std::optional<Value> get_if(const Json& object, const char* key) {
  return object.contains(key) ? std::optional<Value>(object[key].get<Value>()) : std::nullopt;
}

Interface interface_in(const Json& object) {
  return {.name = object.at("interface"), .index = object.at("index")};
}

DeviceOpened device_in(const Json& object) {
  return {.interface = interface_in(object),
          .before = {.kind = object.at("tap").get<bool>() ? net::DeviceKind::kTap : net::DeviceKind::kTun,
                     .multi_queue = object.at("multi_queue"),
                     .packet_info = object.at("packet_info"),
                     .has_header = object.at("has_header"),
                     .header_size = object.at("header_size"),
                     .offloads = object.at("offloads"),
                     .wanted = object.at("wanted")}};
}

std::optional<LinkAddress> link_address_in(const Json& object) {
  const auto address = net::MacAddress::parse(object.at("address").get<std::string>());
  if (!address) return std::nullopt;
  LinkAddress link{.interface = interface_in(object), .address = *address};
  if (object.contains("before")) link.before = net::MacAddress::parse(object["before"].get<std::string>());
  return link;
}

BridgeMade bridge_in(const Json& object) {
  return {.bridge = interface_in(object), .spanning_tree = object.at("stp")};
}

BridgePort bridge_port_in(const Json& object) {
  return {.interface = interface_in(object),
          .bridge = {.name = object.at("bridge"), .index = object.at("bridge_index")},
          .is_member = object.at("member"),
          .before = get_if<bool>(object, "before_up")};
}

LinkUp link_in(const Json& object) {
  LinkUp link{
      .interface = interface_in(object), .mtu = object.at("mtu"), .link_local = object.at("link_local")};
  if (object.contains("before")) {
    const Json before = object.at("before").get<Json::Object>();
    link.before = {.mtu = get_if<std::uint32_t>(before, "mtu"),
                   .up = get_if<bool>(before, "up"),
                   .address_generation = get_if<std::uint8_t>(before, "address_generation")};
  }
  return link;
}

std::optional<AddressAdded> address_in(const Json& object) {
  const auto address = net::IpPrefix::parse(object.at("address").get<std::string>());
  if (!address) return std::nullopt;
  return AddressAdded{.interface = interface_in(object), .address = *address};
}

std::optional<RouteAdded> route_in(const Json& object) {
  const auto destination = net::IpPrefix::parse(object.at("destination").get<std::string>());
  if (!destination) return std::nullopt;
  return RouteAdded{.interface = interface_in(object),
                    .destination = *destination,
                    .table = object.at("table"),
                    .metric = get_if<std::uint32_t>(object, "metric")};
}

std::optional<RuleAdded> rule_in(const Json& object) {
  std::optional<net::IpPrefix> destination;
  if (object.contains("destination")) {
    destination = net::IpPrefix::parse(object["destination"].get<std::string>());
    if (!destination) return std::nullopt;
  }
  return RuleAdded{{.family = object.at("family").get<int>() == 4 ? net::Family::kIpv4 : net::Family::kIpv6,
                    .priority = object.at("priority"),
                    .table = object.at("table"),
                    .destination = destination,
                    .mark = get_if<std::uint32_t>(object, "mark"),
                    .mark_mask = object.at("mark_mask"),
                    .invert = object.at("invert"),
                    .suppress_prefix_length = get_if<std::uint32_t>(object, "suppress_prefix_length"),
                    .protocol = net::kRuleProtocol}};
}

SysctlSet sysctl_in(const Json& object) {
  return {.name = object.at("name"),
          .value = object.at("value"),
          .before = get_if<std::string>(object, "before")};
}

ForwardingOn forwarding_in(const Json& object) {
  return {.family = object.at("family").get<int>() == 4 ? net::Family::kIpv4 : net::Family::kIpv6,
          .before = object.at("before").get<SysctlValues>()};
}

NftTable nft_in(const Json& object) {
  return {.name = object.at("name"), .rules = {}, .fail_closed = object.at("fail_closed")};
}

BridgeFilter bridge_filter_in(const Json& object) {
  return {.interface = interface_in(object),
          .no_routers = object.at("no_routers"),
          .isolates = object.at("isolates")};
}

std::optional<DnsSet> dns_in(const Json& object) {
  DnsSet set{.interface = interface_in(object),
             .servers = {},
             .search = object.at("search").get<std::vector<std::string>>()};
  for (const Json& text : object.at("servers")) {
    const auto server = net::IpAddress::parse(text.get<std::string>());
    if (!server) return std::nullopt;
    set.servers.push_back(*server);
  }
  if (!std::ranges::all_of(set.search, net::is_dns_name)) return std::nullopt;
  const int keeper = object.at("keeper");
  if (keeper < 0 || keeper > static_cast<int>(DnsKeeper::kFile)) return std::nullopt;
  set.all_names = object.at("all_names");
  set.own_resolver = object.value("own_resolver", false);
  set.keeper = static_cast<DnsKeeper>(keeper);
  set.place = object.at("place");
  set.file = object.value("file", set.place);
  set.program = object.at("program");
  set.made_file = object.at("made_file");
  return set;
}

}  // namespace

bool is_our_rule(const net::Rule& rule) {
  // The former of versions that marked their rules like their routes.
  if (rule.protocol == net::kRouteProtocol) return true;
  return rule.protocol == net::kRuleProtocol && rule.priority >= kFirstRulePriority &&
         rule.priority <= kLastRulePriority;
}

bool can_do_without(const HostChange& change) {
  const auto* sysctl = std::get_if<SysctlSet>(&change);
  return std::holds_alternative<DnsSet>(change) || (sysctl != nullptr && sysctl->is_wish);
}

Interface* interface_of(HostChange& change) {
  return std::visit(
      [](auto& kind) -> Interface* {
        if constexpr (requires { kind.interface; }) {
          return &kind.interface;
        } else if constexpr (requires { kind.bridge; }) {
          return &kind.bridge;
        } else {
          return nullptr;
        }
      },
      change);
}

const Interface* interface_of(const HostChange& change) {
  return interface_of(const_cast<HostChange&>(change));
}

std::string in_words(const HostChange& change) {
  return std::visit([](const auto& kind) { return words_of(kind); }, change);
}

Json to_json(const HostChange& change) {
  return std::visit([](const auto& kind) { return json_of(kind); }, change);
}

std::optional<HostChange> from_json(const Json& object) {
  try {
    const std::string kind = object.at("kind");
    if (kind == "device") return device_in(object);
    if (kind == "link_address") return link_address_in(object);
    if (kind == "bridge") return bridge_in(object);
    if (kind == "bridge_port") return bridge_port_in(object);
    if (kind == "link") return link_in(object);
    if (kind == "address") return address_in(object);
    if (kind == "route") return route_in(object);
    if (kind == "rule") return rule_in(object);
    if (kind == "sysctl") return sysctl_in(object);
    if (kind == "forwarding") return forwarding_in(object);
    if (kind == "nft") return nft_in(object);
    if (kind == "bridge_filter") return bridge_filter_in(object);
    if (kind == "dns") return dns_in(object);
  } catch (const Json::Error&) {
    // Not a change as this version writes it; the caller says so.
  }
  return std::nullopt;
}

}  // namespace tunneld::daemon
