#include <string>
#include <utility>

#include "config/routing_table.h"
#include "config/wg_quick.h"

namespace tunneld::config {
namespace {

class Writer {
 public:
  void line(std::string_view key, std::string_view value) {
    text_.append(key).append(" = ").append(value) += '\n';
  }
  template <typename Key>
  void secret(std::string_view key, const Key& value) {
    text_.append(key).append(" = ");
    crypto::append_base64(text_, value);
    text_ += '\n';
  }
  void raw(std::string_view text) { text_.append(text); }
  [[nodiscard]] crypto::SecretText take() { return std::move(text_); }

 private:
  crypto::SecretText text_;
};

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

template <typename T>
std::string joined(const std::vector<Located<T>>& items) {
  std::vector<std::string> words;
  for (const auto& item : items) words.push_back(item.value.to_string());
  return joined(words);
}

void write_interface(const Config& config, const Keys& keys, const DnsConfig& dns, WhosePrivateKey whose,
                     Writer& out) {
  const InterfaceConfig& interface = config.interface;
  out.raw("[Interface]\n");
  if (whose == WhosePrivateKey::kOurs) {
    out.secret("PrivateKey", keys.private_key);
  } else {
    out.raw("# PrivateKey = the client's own, which nobody else has\n");
  }
  if (!interface.addresses.empty()) out.line("Address", joined(interface.addresses));
  std::vector<std::string> names;
  for (const auto& server : dns.servers) names.push_back(server.value.to_string());
  for (const auto& domain : dns.search) names.push_back(domain.value);
  if (!names.empty()) out.line("DNS", joined(names));
  if (interface.mtu) out.line("MTU", std::to_string(*interface.mtu));
  if (config.routes.table != kMainTable) {
    out.line("Table", config.routes.table ? std::to_string(*config.routes.table) : "off");
  }
  if (interface.listen_port) out.line("ListenPort", std::to_string(*interface.listen_port));
  if (interface.fwmark != 0) out.line("FwMark", std::to_string(interface.fwmark));
}

void write_peer(const PeerConfig& peer, const std::optional<crypto::PresharedKey>& preshared_key,
                Writer& out) {
  out.raw("\n[Peer]\n# Name = ");
  out.raw(peer.name.value);
  out.raw("\n");
  out.line("PublicKey", peer.public_key.value.to_base64());
  if (preshared_key) out.secret("PresharedKey", *preshared_key);
  std::vector<std::string> networks;
  for (const auto& address : peer.addresses) networks.push_back(net::IpPrefix::of(address.value).to_string());
  for (const auto& network : peer.allowed_ips) networks.push_back(network.value.to_string());
  if (!networks.empty()) out.line("AllowedIPs", joined(networks));
  if (!peer.endpoints.empty()) out.line("Endpoint", peer.endpoints.front().value.to_string());
  if (peer.persistent_keepalive) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*peer.persistent_keepalive);
    out.line("PersistentKeepalive", std::to_string(seconds.count()));
  }
}

class LeftOut {
 public:
  void add_if(bool has_it, const std::string& option) {
    if (has_it) lines_.push_back(option + ": wg-quick has nothing like it");
  }
  void add(std::string line) { lines_.push_back(std::move(line)); }
  [[nodiscard]] std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

void find_left_out(const PeerConfig& peer, LeftOut& out) {
  const std::string name = "peer " + peer.name.value + ": ";
  if (peer.endpoints.size() > 1) out.add(name + "all endpoints but the first: wg-quick knows one");
  out.add_if(peer.endpoint_order != EndpointOrder::kInOrder, name + "endpoint_order");
  out.add_if(!peer.mac_addresses.empty(), name + "mac_addresses");
  out.add_if(peer.push != PushConfig(), name + "push");
  out.add_if(peer.group.has_value(), name + "group");
  out.add_if(peer.allow.has_value(), name + "allow");
}

/// Whatever differs from its default and was not written.
std::vector<std::string> left_out(const Config& config) {
  LeftOut out;
  const InterfaceConfig& interface = config.interface;
  const InterfaceConfig defaults;
  out.add_if(interface.type != defaults.type, "interface.type");
  out.add_if(interface.mac_address.has_value(), "interface.mac_address");
  out.add_if(interface.bridge.has_value(), "interface.bridge");
  out.add_if(interface.persist.has_value(), "interface.persist");
  out.add_if(interface.mss_clamp != defaults.mss_clamp, "interface.mss_clamp");
  out.add_if(interface.offload != defaults.offload, "interface.offload");
  out.add_if(interface.extension != defaults.extension, "interface.extension");
  out.add_if(config.routes.metric.has_value(), "routes.metric");
  out.add_if(config.crypto.engine != CryptoConfig().engine, "crypto.engine");
  out.add_if(config.crypto.fast_cipher != CryptoConfig().fast_cipher, "crypto.fast_cipher");
  out.add_if(config.workers.has_value(), "workers");
  out.add_if(config.ethernet_switch != SwitchConfig(), "switch");
  out.add_if(!config.groups.empty(), "groups");
  out.add_if(config.server.has_value(), "server");
  out.add_if(config.client.has_value(), "client");
  out.add_if(config.log != LogConfig(), "log");
  for (const PeerConfig& peer : config.peers) find_left_out(peer, out);
  return out.take();
}

}  // namespace

WgQuickText write_wg_quick(const Config& config, const Keys& keys, const DnsConfig& dns,
                           WhosePrivateKey whose) {
  Writer out;
  write_interface(config, keys, dns, whose, out);
  for (std::size_t i = 0; i < config.peers.size(); ++i) {
    write_peer(config.peers[i], keys.preshared_keys[i], out);
  }
  return {out.take(), left_out(config)};
}

}  // namespace tunneld::config
