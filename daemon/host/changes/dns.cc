#include "daemon/host/changes/dns.h"

#include <algorithm>

#include "common/net/dns_name.h"
#include "daemon/host/dns/dns_change.h"

namespace tunneld::daemon {

std::string DnsSet::in_words() const {
  std::string words = "dns";
  for (const net::IpAddress& server : servers) words += " " + server.to_string();
  if (!search.empty()) words += " domains";
  for (const std::string& domain : search) words += " " + domain;
  if (all_names) words += " for all names";
  return words + " dev " + interface.name;
}

Json DnsSet::to_json() const {
  Json object = interface.to_json();
  Json& texts = object["servers"] = Json::array();
  for (const net::IpAddress& server : servers) texts.push_back(server.to_string());
  object["search"] = search;
  object["all_names"] = all_names;
  if (own_resolver) object["own_resolver"] = true;
  object["keeper"] = static_cast<int>(keeper);
  object["place"] = place;
  object["file"] = file;
  object["program"] = program;
  object["made_file"] = made_file;
  return object;
}

std::optional<DnsSet> DnsSet::from_json(const Json& json) {
  DnsSet set{.interface = Interface::from_json(json),
             .servers = {},
             .search = json.at("search").get<std::vector<std::string>>()};
  for (const Json& text : json.at("servers")) {
    const auto server = net::IpAddress::parse(text.get<std::string>());
    if (!server) return std::nullopt;
    set.servers.push_back(*server);
  }
  if (!std::ranges::all_of(set.search, net::is_dns_name)) return std::nullopt;
  const int keeper = json.at("keeper");
  if (keeper < 0 || keeper > static_cast<int>(DnsKeeper::kFile)) return std::nullopt;
  set.all_names = json.at("all_names");
  set.own_resolver = json.value("own_resolver", false);
  set.keeper = static_cast<DnsKeeper>(keeper);
  set.place = json.at("place");
  set.file = json.value("file", set.place);
  set.program = json.at("program");
  set.made_file = json.at("made_file");
  return set;
}

Preparation DnsSet::prepare(net::Netlink&) {
  interface.look_up();
  prepare_dns(*this);
  return Preparation::kReady;
}

void DnsSet::apply(net::Netlink&) const {
  apply_dns(*this);
}

bool DnsSet::takes_place_of(const DnsSet& made) {
  if (interface != made.interface) return false;
  interface = made.interface;
  keeper = made.keeper;
  place = made.place;
  file = made.file;
  program = made.program;
  made_file = made.made_file;
  return true;
}

Undone DnsSet::undo(net::Netlink&) const {
  return undo_dns(*this);
}

Standing DnsSet::standing(HostState&) const {
  return dns_standing(*this);
}

}  // namespace tunneld::daemon
