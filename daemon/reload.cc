#include "daemon/reload.h"

#include "config/load_keys.h"
#include "config/parse.h"

namespace tunneld::daemon {
namespace {

/// Puts back a setting that sockets, device or threads were opened with.
template <typename Setting>
void keep(const char* name, const Setting& running, Setting& wanted, std::vector<std::string>& notes) {
  if (wanted == running) return;
  wanted = running;
  notes.push_back(std::string(name) + " has changed: it takes effect after a restart");
}

}  // namespace

ReadAgain read_again(const std::string& path, const config::Config& running,
                     const crypto::PublicKey& public_key) {
  config::ParseResult parsed = config::parse_file(path);
  if (!parsed.config) throw ReloadError(to_string(parsed.diagnostics));
  config::KeysResult keys = config::load_keys(*parsed.config, config::NotPermitted::kIsError);
  if (!keys.keys) throw ReloadError(to_string(keys.diagnostics));
  config::Config& wanted = *parsed.config;
  if (wanted.interface.name != running.interface.name) {
    throw ReloadError(to_string(wanted.interface.name.at) + ": the interface is called '" +
                      wanted.interface.name.value + "' now, and this daemon runs '" +
                      running.interface.name.value + "': start another one for it");
  }

  std::vector<std::string> notes;
  if (keys.keys->private_key.public_key() != public_key) {
    notes.emplace_back("the private key has changed: it takes effect after a restart");
  }
  keep("interface.type", running.interface.type, wanted.interface.type, notes);
  keep("interface.persist", running.interface.persist, wanted.interface.persist, notes);
  keep("interface.bridge", running.interface.bridge, wanted.interface.bridge, notes);
  keep("switch.addresses", running.ethernet_switch.addresses, wanted.ethernet_switch.addresses, notes);
  keep("interface.listen_port", running.interface.listen_port, wanted.interface.listen_port, notes);
  keep("interface.offload", running.interface.offload, wanted.interface.offload, notes);
  keep("interface.extension", running.interface.extension, wanted.interface.extension, notes);
  keep("crypto", running.crypto, wanted.crypto, notes);
  keep("workers", running.workers, wanted.workers, notes);
  if (running.server.has_value() != wanted.server.has_value() ||
      running.client.has_value() != wanted.client.has_value()) {
    wanted.server = running.server;
    wanted.client = running.client;
    notes.emplace_back("this host's role (server, client) has changed: it takes effect after a restart");
  }
  return {std::move(wanted), std::move(keys.keys->preshared_keys), std::move(notes)};
}

}  // namespace tunneld::daemon
