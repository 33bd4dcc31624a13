#include "daemon/reload.h"

#include "config/all_options.h"
#include "config/parse.h"

namespace tunneld::daemon {

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
  for (const config::Diagnostic& warning : parsed.diagnostics) notes.push_back(to_string(warning));
  for (const config::Diagnostic& warning : keys.diagnostics) notes.push_back(to_string(warning));
  if (keys.keys->private_key.public_key() != public_key) {
    notes.emplace_back("the private key has changed: it takes effect after a restart");
  }
  for (const std::string& option : config::keep_until_restart(running, wanted)) {
    notes.push_back(option + " has changed: it takes effect after a restart");
  }
  if (running.server.has_value() != wanted.server.has_value() ||
      running.client.has_value() != wanted.client.has_value()) {
    wanted.server = running.server;
    wanted.client = running.client;
    notes.emplace_back("this host's role (server, client) has changed: it takes effect after a restart");
  }
  return {std::move(wanted), std::move(keys.keys->preshared_keys), std::move(notes)};
}

}  // namespace tunneld::daemon
