// The second step of loading a configuration: reading the secrets that it names.
//
// Apart from parsing, because `check` runs without root and the keys belong to root: then it reports what it
// could not look at as warnings, where the daemon reports errors.
#pragma once

#include <optional>
#include <vector>

#include "common/crypto/keys.h"
#include "config/config.h"
#include "config/diagnostic.h"

namespace tunneld::config {

struct Keys {
  crypto::PrivateKey private_key;
  /// One for each peer, in the order of Config::peers.
  std::vector<std::optional<crypto::PresharedKey>> preshared_keys;
};

struct KeysResult {
  /// nullopt unless every key was read and fits.
  std::optional<Keys> keys;
  std::vector<Diagnostic> diagnostics;
};

/// What a key file that this user may not open is: an error for the daemon, a warning for `check`.
enum class NotPermitted : std::uint8_t { kIsError, kIsWarning };

/// Reads all key files and refuses a peer that has our own public key.
[[nodiscard]] KeysResult load_keys(const Config& config, NotPermitted not_permitted);

}  // namespace tunneld::config
