// Reads and writes the configuration files of wg-quick(8).
//
// Reading is as strict as for our own files: whatever is not understood is an error with its line. What
// wg-quick understands and tunneld does not do (commands to run, SaveConfig) is named in a warning. The
// writer names what wg-quick's files cannot express. Everything else survives both directions.
//
// wg-quick has no names for peers. A comment "# Name = alice" in a [Peer] section is one, here and in several
// other programs; without it a peer is called peer-1, peer-2 …
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/crypto/secret_text.h"
#include "config/config.h"
#include "config/diagnostic.h"
#include "config/load_keys.h"

namespace tunneld::config {

struct WgQuick {
  /// Key files are named after the interface and its peers: wg0.key, wg0-alice.psk.
  Config config;
  Keys keys;
};

struct WgQuickResult {
  /// nullopt if there is an error among the diagnostics.
  std::optional<WgQuick> file;
  std::vector<Diagnostic> diagnostics;
};

/// `path` is the name for messages; `interface` is what the file, called INTERFACE.conf, configures.
[[nodiscard]] WgQuickResult parse_wg_quick(std::string_view text, const std::string& path,
                                           const std::string& interface);

/// A private key that this host does not have is left out, and a comment says so.
enum class WhosePrivateKey : std::uint8_t { kOurs, kTheirs };

struct WgQuickText {
  crypto::SecretText text;
  /// What wg-quick's files cannot express, one line each.
  std::vector<std::string> left_out;
};

/// `keys.private_key` is ignored if the file is for another host. `dns`: name servers of the file's owner;
/// for this host's own file `config.interface.dns`.
[[nodiscard]] WgQuickText write_wg_quick(const Config& config, const Keys& keys, const DnsConfig& dns,
                                         WhosePrivateKey whose);

/// The YAML of what parse_wg_quick() has read, with comments; parse_file() reads `file.config` from it.
[[nodiscard]] std::string write_yaml(const WgQuick& file, std::string_view origin);

}  // namespace tunneld::config
