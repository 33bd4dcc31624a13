#include <string>
#include <vector>

#include "config/scalars.h"
#include "config/table_names.h"
#include "config/wg_quick/wg_quick.h"
#include "config/yaml_writer.h"

namespace tunneld::config {
namespace {

template <typename T>
std::string list(const std::vector<Located<T>>& items) {
  std::vector<std::string> words;
  words.reserve(items.size());
  for (const auto& item : items) words.push_back(item.value.to_string());
  return yaml_list(words);
}

std::string dns_yaml(const DnsConfig& dns) {
  std::vector<std::string> search;
  for (const auto& domain : dns.search) search.push_back(domain.value);
  return "  dns:\n    servers:" + list(dns.servers) + "\n    search:" + yaml_list(search) + '\n';
}

std::string peer_yaml(const PeerConfig& peer) {
  std::string out = "  - name: " + yaml_scalar(peer.name.value) + '\n';
  out += "    public_key: " + yaml_scalar(peer.public_key.value.to_base64()) + '\n';
  if (peer.preshared_key_file) {
    out += "    preshared_key_file: " + yaml_scalar(peer.preshared_key_file->value.name) + '\n';
  }
  if (!peer.endpoints.empty()) out += "    endpoints:" + list(peer.endpoints) + '\n';
  if (!peer.allowed_ips.empty()) out += "    allowed_ips:" + list(peer.allowed_ips) + '\n';
  if (peer.persistent_keepalive) {
    out += "    persistent_keepalive: " + format_duration(*peer.persistent_keepalive) + '\n';
  }
  return out;
}

}  // namespace

std::string write_yaml(const WgQuick& file, std::string_view origin) {
  const InterfaceConfig& interface = file.config.interface;
  std::string out = "# Imported from ";
  out += in_quotes(origin) + ". Every option is described in docs/config.md.\n";
  out += "interface:\n  name: " + yaml_scalar(interface.name.value) + '\n';
  if (!interface.addresses.empty()) out += "  addresses:" + list(interface.addresses) + '\n';
  if (interface.listen_port) out += "  listen_port: " + std::to_string(*interface.listen_port) + '\n';
  out += "  private_key_file: " + yaml_scalar(interface.private_key_file.value.name) + '\n';
  if (interface.mtu) out += "  mtu: " + std::to_string(*interface.mtu) + '\n';
  if (interface.fwmark != 0) out += "  fwmark: " + std::to_string(interface.fwmark) + '\n';
  if (interface.dns != DnsConfig{}) out += dns_yaml(interface.dns);
  const auto& table = file.config.routes.table;
  if (!table) out += "routes: none\n";
  if (table && *table != kMainTable) out += "routes: { table: " + std::to_string(*table) + " }\n";
  out += file.config.peers.empty() ? "peers: []\n" : "peers:\n";
  for (const PeerConfig& peer : file.config.peers) out += peer_yaml(peer);
  return out;
}

}  // namespace tunneld::config
