#include <string>
#include <utility>

#include "common/joined.h"
#include "config/sections.h"
#include "config/table_names.h"
#include "config/wg_quick/wg_quick.h"

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

void write_interface(const Config& config, const Keys& keys, const DnsConfig& dns, WhosePrivateKey whose,
                     Writer& out) {
  const InterfaceConfig& interface = config.interface;
  out.raw("[Interface]\n");
  if (whose == WhosePrivateKey::kOurs) {
    out.secret("PrivateKey", keys.private_key);
  } else {
    out.raw("# PrivateKey = the client's own, which nobody else has\n");
  }
  if (!interface.addresses.empty()) {
    out.line("Address",
             joined(interface.addresses, [](const auto& address) { return address.value.to_string(); }));
  }
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

void write_peer(const PeerConfig& peer, const crypto::PresharedKey* preshared_key, Writer& out) {
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

/// Whatever differs from its default and was not written, one line each.
std::vector<std::string> left_out(const Config& config) {
  std::vector<std::string> names;
  find_left_out("", config_options(), config, names);
  std::vector<std::string> lines;
  const auto add_names = [&] {
    for (const std::string& name : names) lines.push_back(name + ": wg-quick has nothing like it");
    names.clear();
  };
  add_names();
  for (const PeerConfig& peer : config.peers) {
    const std::string path = "peer " + peer.name.value + ": ";
    if (peer.endpoints.size() > 1) {
      lines.push_back(path + "all endpoints but the first: wg-quick knows one");
    }
    find_left_out(path, peer_options(), peer, names);
    add_names();
  }
  return lines;
}

}  // namespace

WgQuickText write_wg_quick(const Config& config, const Keys& keys, const DnsConfig& dns,
                           WhosePrivateKey whose) {
  Writer out;
  write_interface(config, keys, dns, whose, out);
  for (const PeerConfig& peer : config.peers)
    write_peer(peer, find_preshared_key(keys.preshared_keys, peer), out);
  return {out.take(), left_out(config)};
}

}  // namespace tunneld::config
