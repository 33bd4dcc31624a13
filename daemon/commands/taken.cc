#include "daemon/commands/taken.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include "common/net/holder.h"
#include "common/net/netlink.h"
#include "config/names.h"
#include "config/parse.h"
#include "daemon/host/run_directory.h"

namespace tunneld::daemon {
namespace {

constexpr std::uint16_t kFirstPort = 51820;
constexpr std::uint16_t kLastPort = 65535;

/// Local ports of a table like /proc/net/udp.
void read_ports(const char* path, std::map<std::uint16_t, std::string>& ports) {
  std::ifstream table(path);
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string slot;
    std::string local;
    words >> slot >> local;
    const std::size_t colon = local.rfind(':');
    if (colon == std::string::npos) continue;
    std::uint16_t port = 0;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), port, 16);
    if (port != 0) ports.try_emplace(port);
  }
}

Taken::RouteKey route_key(const net::IpPrefix& destination, std::uint32_t table,
                          std::optional<std::uint32_t> metric) {
  // What the kernel takes where none is given.
  constexpr std::uint32_t kIpv6Metric = 1024;
  return {destination, table, metric.value_or(destination.address.is_v4() ? 0 : kIpv6Metric)};
}

/// `own`: the interfaces of a daemon that runs, by its configuration.
void add_kernel(Taken& taken, const std::set<std::string>& own) {
  net::Netlink netlink;
  std::map<std::uint32_t, std::string> names;
  for (const net::Link& link : netlink.links()) {
    names[link.index] = link.name;
    if (own.contains(link.name)) continue;
    taken.interfaces.try_emplace(link.name, "an interface of this host");
    if (link.name == "lo") continue;
    for (const net::InterfaceAddress& address : netlink.addresses(link.index))
      taken.networks.push_back({address.address, "interface " + link.name});
  }
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
    net::RouteFilter filter;
    filter.family = family;
    for (const net::Route& route : netlink.routes(filter)) {
      const auto name = names.find(route.interface_index);
      const bool is_own = name != names.end() && own.contains(name->second);
      if (route.table == net::kLocalTable || is_own) continue;
      taken.routes.try_emplace(route_key(route.destination, route.table, route.metric),
                               name == names.end() ? "this host" : "interface " + name->second);
    }
  }
}

/// IPv6 has link-local and multicast networks at each interface.
bool is_everywhere(const net::IpPrefix& network) {
  static const auto kLinkLocal = *net::IpPrefix::parse("fe80::/10");
  static const auto kMulticast = *net::IpPrefix::parse("ff00::/8");
  return kLinkLocal.contains(network.address) || kMulticast.contains(network.address);
}

std::vector<Taken::RouteKey> wanted_routes(const config::Config& config, const HostPlan& plan) {
  std::vector<Taken::RouteKey> routes;
  for (const HostChange& change : changes_of(plan)) {
    if (const auto* route = std::get_if<RouteAdded>(&change))
      routes.push_back(route_key(route->destination, route->table, route->metric));
  }
  // The server may push it later.
  if (config.client && config.client->value.accept.default_route) {
    for (const char* all : {"0.0.0.0/0", "::/0"})
      routes.push_back(route_key(*net::IpPrefix::parse(all), plan.fwmark, plan.metric));
  }
  return routes;
}

std::uint32_t free_mark(const Taken& taken, std::uint32_t mark) {
  std::set<std::uint32_t> tables;
  for (const auto& [key, by] : taken.routes) tables.insert(key.table);
  while (tables.contains(mark)) ++mark;
  return mark;
}

/// Where the configuration names the network.
config::Location where(const config::Config& config, const net::IpPrefix& network) {
  for (const config::PeerConfig& peer : config.peers) {
    for (const auto& allowed : peer.allowed_ips) {
      if (allowed.value == network) return allowed.at;
    }
  }
  return config.server ? config.server->at : config.client ? config.client->at : config.interface.name.at;
}

void check_names(const config::Config& config, const Taken& taken, config::Diagnostics& found) {
  const auto& name = config.interface.name;
  const auto user = taken.interfaces.find(name.value);
  // A persistent device may be there before.
  if (user != taken.interfaces.end() && !config.interface.persist) {
    found.warning(name.at, "the name " + config::in_quotes(name.value) + " is taken by " + user->second,
                  "choose another, like '" + free_interface(taken, "") + "'");
  }
  if (!config.interface.bridge || !config.interface.bridge->create) return;
  const auto& bridge = config.interface.bridge->name;
  if (const auto other = taken.interfaces.find(bridge.value); other != taken.interfaces.end()) {
    found.warning(bridge.at, "the name " + config::in_quotes(bridge.value) + " is taken by " + other->second,
                  "choose another, or join it as it is without 'create: true'");
  }
}

void check_addresses(const config::Config& config, const Taken& taken, config::Diagnostics& found) {
  for (const auto& [own, at] : config.interface.addresses) {
    if (is_everywhere(own)) continue;
    const auto same = std::ranges::find_if(
        taken.networks, [&own = own](const auto& other) { return other.network.address == own.address; });
    if (same != taken.networks.end()) {
      found.warning(at, "the address " + own.address.to_string() + " is taken by " + same->by, "use another");
      continue;
    }
    const auto near = std::ranges::find_if(taken.networks, [&own = own](const auto& other) {
      return !own.is_single() && other.network.network() == own.network();
    });
    if (near == taken.networks.end()) continue;
    found.warning(at, "the network " + own.network().to_string() + " is taken by " + near->by, "use another");
  }
}

void check_routes(const config::Config& config, const HostPlan& plan, const Taken& taken,
                  config::Diagnostics& found) {
  bool is_table_said = false;
  for (const Taken::RouteKey& route : wanted_routes(config, plan)) {
    const auto user = taken.routes.find(route);
    if (user == taken.routes.end()) continue;
    const auto& [destination, table, metric] = route;
    const std::string number = std::to_string(table);
    if (destination.length == 0 && table == plan.fwmark) {
      if (is_table_said) continue;
      is_table_said = true;
      found.warning(where(config, destination),
                    "the routing table " + number + " of this full tunnel is taken by " + user->second,
                    "set 'interface.fwmark', which is the table's number, too, to another, like " +
                        std::to_string(free_mark(taken, table)));
      continue;
    }
    found.warning(where(config, destination),
                  "the route to " + destination.to_string() + " in table " +
                      (table == net::kMainTable ? "main" : number) + " is taken by " + user->second,
                  "use another network, or another 'metric' or 'table' in 'routes'");
  }
}

}  // namespace

void Taken::add(const config::Config& config, const std::string& path) {
  interfaces.try_emplace(config.interface.name.value, path);
  if (config.interface.bridge && config.interface.bridge->create)
    interfaces.try_emplace(config.interface.bridge->name.value, path);
  if (config.interface.listen_port) ports.try_emplace(*config.interface.listen_port, path);
  for (const auto& address : config.interface.addresses) networks.push_back({address.value, path});
  if (config.server) {
    for (const auto& pool : config.server->value.pool) networks.push_back({pool.value, path});
  }
  for (const RouteKey& route : wanted_routes(config, host_plan(config))) routes.try_emplace(route, path);
}

void Taken::add_directory(const std::string& directory, const std::string& own) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::error_code unequal;
    const std::filesystem::path& path = entry.path();
    if (path.extension() != ".yaml" || std::filesystem::equivalent(path, own, unequal)) continue;
    const config::ParseResult parsed = config::parse_file(path.string());
    if (parsed.config) add(*parsed.config, path.string());
  }
}

void Taken::add_neighbours(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path own = fs::weakly_canonical(fs::absolute(directory, error), error);
  if (error || own == fs::weakly_canonical(kConfigDirectory, error)) return;
  // "DIR/" has no name of its own.
  const fs::path parent = own.has_filename() ? own.parent_path() : own.parent_path().parent_path();
  std::size_t neighbours = 0;
  for (const auto& entry :
       fs::directory_iterator(parent, fs::directory_options::skip_permission_denied, error)) {
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
    const bool is_ours = status.st_uid == 0 || status.st_uid == ::geteuid();
    if (!is_ours || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) continue;
    if (++neighbours > kMostNeighbours) break;
    if (entry.path() != own) add_directory(entry.path().string());
  }
}

void Taken::add_host(const config::InterfaceConfig* own) {
  std::error_code error;
  const std::string own_name =
      own != nullptr && std::filesystem::exists(journal_path(own->name.value), error) ? own->name.value : "";
  std::map<std::uint16_t, std::string> bound;
  read_ports("/proc/net/udp", bound);
  read_ports("/proc/net/udp6", bound);
  if (!own_name.empty() && own->listen_port) bound.erase(*own->listen_port);
  ports.merge(bound);
  // One that is starting has no device yet, and one that was killed none any more.
  for (const auto& entry : std::filesystem::directory_iterator(run_directory(), error)) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() == ".journal" && path.stem() != own_name)
      interfaces.try_emplace(path.stem().string(), "the tunneld of " + path.string());
  }
  try {
    std::set<std::string> all_own;
    if (!own_name.empty()) {
      all_own.insert(own_name);
      if (own->bridge) all_own.insert(own->bridge->name.value);
    }
    add_kernel(*this, all_own);
  } catch (const net::NetlinkError& failure) {
    std::cerr << "warning: what this host's kernel has cannot be looked up: " << failure.what() << "\n";
  }
}

std::string Taken::user_of_port(std::uint16_t port) const {
  const std::string& by = ports.at(port);
  const std::string holder = by.empty() ? net::holder_of_udp_port(port) : by;
  return holder.empty() ? "another program" : holder;
}

bool Taken::has(const std::function<bool(const net::IpPrefix&)>& is_it) const {
  return std::ranges::any_of(networks, [&](const auto& one) { return is_it(one.network.network()); }) ||
         std::ranges::any_of(routes, [&](const auto& one) { return is_it(one.first.destination); });
}

bool Taken::overlaps(const net::IpPrefix& network) const {
  return has([&](const auto& other) { return other.length != 0 && network.overlaps(other); });
}

bool Taken::has_within(const net::IpPrefix& network) const {
  return has([&](const auto& other) { return other.length >= network.length && network.overlaps(other); });
}

Taken all_taken(const std::string& directory) {
  Taken taken;
  taken.add_directory(kConfigDirectory);
  taken.add_directory(directory);
  taken.add_host();
  return taken;
}

Taken taken_by_others(const config::Config& config, const std::string& path) {
  Taken taken;
  taken.add_directory(kConfigDirectory, path);
  taken.add_host(&config.interface);
  return taken;
}

std::string free_interface(const Taken& taken, const std::string& wanted) {
  if (config::is_device_name(wanted) && !taken.interfaces.contains(wanted)) return wanted;
  unsigned number = 0;
  while (taken.interfaces.contains("tun" + std::to_string(number))) ++number;
  return "tun" + std::to_string(number);
}

std::uint16_t free_port(const Taken& taken) {
  std::uint16_t port = kFirstPort;
  while (port != kLastPort && taken.ports.contains(port)) ++port;
  return port;
}

net::IpPrefix free_network(const Taken& taken, const std::vector<net::IpPrefix>& candidates) {
  const auto free =
      std::ranges::find_if(candidates, [&taken](const auto& one) { return !taken.overlaps(one); });
  if (free != candidates.end()) return *free;
  // All lie in some large network of this host's, like 10.0.0.0/8.
  const auto narrow =
      std::ranges::find_if(candidates, [&taken](const auto& one) { return !taken.has_within(one); });
  return narrow == candidates.end() ? candidates.front() : *narrow;
}

config::Diagnostics collisions(const config::Config& config, const HostPlan& plan, const Taken& taken) {
  config::Diagnostics found;
  check_names(config, taken, found);
  if (const auto port = config.interface.listen_port; port && taken.ports.contains(*port)) {
    found.warning(config.interface.name.at,
                  "UDP port " + std::to_string(*port) + " is taken by " + taken.user_of_port(*port),
                  "set 'listen_port' to another, like " + std::to_string(free_port(taken)));
  }
  check_addresses(config, taken, found);
  check_routes(config, plan, taken, found);
  return found;
}

}  // namespace tunneld::daemon
