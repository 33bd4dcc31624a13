#include "config/show.h"

#include "common/net/mss_clamp.h"
#include "config/routing_table.h"
#include "config/scalars.h"
#include "config/yaml_scalar.h"

namespace tunneld::config {
namespace {

std::string scalar(std::string_view text) {
  return yaml_scalar(text);
}

std::string scalar(const KeyFile& file) {
  return scalar(file.is_credential ? "credential:" + file.name : file.name);
}

/// With what separates it from its key.
template <typename T>
std::string list(const std::vector<Located<T>>& items) {
  std::vector<std::string> words;
  words.reserve(items.size());
  for (const auto& item : items) words.push_back(item.value.to_string());
  return yaml_list(words);
}

template <typename T>
std::string number_or(const std::optional<T>& number, std::string_view otherwise) {
  return number ? std::to_string(*number) : std::string(otherwise);
}

std::string_view word(DeviceType type) {
  return type == DeviceType::kTun ? "tun" : "tap";
}
std::string_view word(bool value) {
  return value ? "true" : "false";
}
std::string_view word(AutoOff value) {
  return value == AutoOff::kAuto ? "auto" : "off";
}

std::string_view word(crypto::EngineChoice engine) {
  switch (engine) {
    case crypto::EngineChoice::kAuto:
      return "auto";
    case crypto::EngineChoice::kLibsodium:
      return "libsodium";
    case crypto::EngineChoice::kIpsecMb:
      return "ipsec-mb";
  }
  return {};
}

class Writer {
 public:
  void line(std::string_view indentation, std::string_view key, std::string_view value) {
    text_.append(indentation).append(key).append(":");
    // A list says itself whether it stands here or below.
    const bool is_separated = value.starts_with(' ') || value.starts_with('\n');
    if (!value.empty()) text_.append(is_separated ? "" : " ").append(value);
    text_ += '\n';
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string mss_clamp(std::uint16_t mss) {
  if (mss == net::kMssOff) return "off";
  return mss == net::kMssFromPath ? "auto" : std::to_string(mss);
}

std::string names(const std::vector<Located<std::string>>& items) {
  std::vector<std::string> words;
  words.reserve(items.size());
  for (const auto& item : items) words.push_back(item.value);
  return yaml_list(words);
}

void write_dns(const DnsConfig& dns, const std::string& indentation, Writer& out) {
  out.line(indentation, "dns", "");
  out.line(indentation + "  ", "servers", list(dns.servers));
  out.line(indentation + "  ", "search", names(dns.search));
  if (dns.own_resolver) out.line(indentation + "  ", "own_resolver", word(true));
}

void write_bridge(const BridgeConfig& bridge, Writer& out) {
  out.line("  ", "bridge", "");
  out.line("    ", "name", scalar(bridge.name.value));
  out.line("    ", "create", word(bridge.create));
  if (!bridge.create) return;
  out.line("    ", "members", names(bridge.members));
  out.line("    ", "stp", word(bridge.stp));
}

void write_persist(const std::optional<PersistConfig>& persist, Writer& out) {
  const bool plain = !persist || *persist == PersistConfig();
  out.line("  ", "persist", plain ? word(persist.has_value()) : "");
  if (plain) return;
  if (persist->owner) out.line("    ", "owner", std::to_string(*persist->owner));
  if (persist->group) out.line("    ", "group", std::to_string(*persist->group));
  if (persist->queues) out.line("    ", "queues", std::to_string(*persist->queues));
}

void write_interface(const InterfaceConfig& interface, Writer& out) {
  out.line("", "interface", "");
  out.line("  ", "name", scalar(interface.name.value));
  out.line("  ", "type", word(interface.type));
  if (interface.mac_address) out.line("  ", "mac_address", scalar(interface.mac_address->value.to_string()));
  if (interface.bridge) write_bridge(*interface.bridge, out);
  write_persist(interface.persist, out);
  out.line("  ", "addresses", list(interface.addresses));
  out.line("  ", "listen_port", number_or(interface.listen_port, "auto"));
  out.line("  ", "private_key_file", scalar(interface.private_key_file.value));
  out.line("  ", "mtu", number_or(interface.mtu, "auto"));
  out.line("  ", "mss_clamp", mss_clamp(interface.mss_clamp));
  out.line("  ", "fwmark", interface.fwmark == 0 ? "off" : std::to_string(interface.fwmark));
  write_dns(interface.dns, "  ", out);
  out.line("  ", "offload", word(interface.offload));
  out.line("  ", "extension", word(interface.extension));
}

std::string keepalive(const std::optional<Duration>& interval) {
  return interval && *interval > Duration::zero() ? format_duration(*interval) : "off";
}

void write_push(const PushConfig& push, const std::string& indentation, Writer& out) {
  if (push == PushConfig()) return;
  const std::string inner = indentation + "  ";
  out.line(indentation, "push", "");
  if (push.routes) out.line(inner, "routes", list(*push.routes));
  if (push.dns) write_dns(*push.dns, inner, out);
  if (push.mtu) out.line(inner, "mtu", std::to_string(*push.mtu));
  if (push.keepalive) out.line(inner, "keepalive", keepalive(push.keepalive));
}

void write_peer(const PeerConfig& peer, Writer& out) {
  out.line("  - ", "name", scalar(peer.name.value));
  out.line("    ", "public_key", scalar(peer.public_key.value.to_base64()));
  if (peer.preshared_key_file) out.line("    ", "preshared_key_file", scalar(peer.preshared_key_file->value));
  out.line("    ", "endpoints", list(peer.endpoints));
  out.line("    ", "allowed_ips", list(peer.allowed_ips));
  if (!peer.mac_addresses.empty()) out.line("    ", "mac_addresses", list(peer.mac_addresses));
  const bool keepalive_is_said = peer.persistent_keepalive || peer.keepalive_refused;
  if (keepalive_is_said) out.line("    ", "persistent_keepalive", keepalive(peer.persistent_keepalive));
  out.line("    ", "endpoint_order", peer.endpoint_order == EndpointOrder::kRandom ? "random" : "in_order");
  if (!peer.addresses.empty()) out.line("    ", "address", list(peer.addresses));
  write_push(peer.push, "    ", out);
  if (peer.group) out.line("    ", "group", scalar(peer.group->value));
  if (peer.allow) out.line("    ", "allow", list(*peer.allow));
}

void write_switch(const SwitchConfig& section, Writer& out) {
  out.line("", "switch", "");
  out.line("  ", "client_to_client", section.client_to_client ? "true" : "false");
  out.line("  ", "router_advertisements", section.router_advertisements ? "true" : "false");
  out.line("  ", "ageing", format_duration(section.ageing));
  out.line("  ", "addresses", std::to_string(section.addresses));
  out.line("  ", "addresses_per_peer", std::to_string(section.addresses_per_peer));
  out.line("  ", "flood_limit", section.flood_limit == 0 ? "off" : std::to_string(section.flood_limit));
}

void write_server(const ServerConfig& server, Writer& out) {
  out.line("", "server", "");
  if (server.endpoint) out.line("  ", "endpoint", scalar(server.endpoint->value.to_string()));
  out.line("  ", "pool", list(server.pool));
  out.line("  ", "lease_time", format_duration(server.lease_time));
  out.line("  ", "client_to_client", word(server.client_to_client));
  write_push(server.push, "  ", out);
  out.line("  ", "forwarding", "");
  out.line("    ", "enabled", word(server.forwarding.enabled));
  out.line("    ", "masquerade", names(server.forwarding.masquerade));
}

void write_client(const ClientConfig& client, Writer& out) {
  const AcceptConfig& accept = client.accept;
  out.line("", "client", "");
  out.line("  ", "accept", "");
  out.line("    ", "addresses", word(accept.addresses));
  out.line("    ", "routes",
           accept.routes_within.empty() ? std::string(word(accept.routes)) : list(accept.routes_within));
  out.line("    ", "default_route", word(accept.default_route));
  out.line("    ", "dns", word(accept.dns));
  out.line("    ", "mtu", word(accept.mtu));
  out.line("    ", "keepalive", word(accept.keepalive));
  if (!client.servers.empty()) out.line("  ", "server", names(client.servers));
  out.line("  ", "kill_switch", word(client.kill_switch));
  out.line("  ", "local_networks", list(client.local_networks));
}

}  // namespace

std::string show(const Config& config) {
  Writer out;
  write_interface(config.interface, out);
  out.line("", "routes", "");
  out.line("  ", "table", config.routes.table == kMainTable ? "main" : number_or(config.routes.table, "off"));
  out.line("  ", "metric", number_or(config.routes.metric, "auto"));
  out.line("", "crypto", "");
  out.line("  ", "engine", word(config.crypto.engine));
  out.line("  ", "fast_cipher", word(config.crypto.fast_cipher));
  out.line("", "workers", number_or(config.workers, "auto"));
  if (config.server) write_server(config.server->value, out);
  if (config.client) write_client(config.client->value, out);
  if (!config.groups.empty()) out.line("", "groups", "");
  for (const GroupConfig& group : config.groups) {
    out.line("  ", scalar(group.name.value), "");
    out.line("    ", "allow", list(group.allow));
  }
  if (config.interface.type == DeviceType::kTap) write_switch(config.ethernet_switch, out);
  out.line("", "log", "");
  out.line("  ", "level", word(config.log.level));
  out.line("", "peers", config.peers.empty() ? "[]" : "");
  for (const PeerConfig& peer : config.peers) write_peer(peer, out);
  return out.take();
}

}  // namespace tunneld::config
