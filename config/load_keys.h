// The second step of loading a configuration: reading the secrets that it names.
//
// This is apart from parsing because `check` runs without root, and the keys belong to root. `check` then
// warns of keys that it could not read; for the daemon the same is an error.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "common/crypto/keys.h"
#include "config/config.h"
#include "config/diagnostic.h"

namespace tunneld::config {

/// By the peers' public keys; a peer without one is not in it.
using PresharedKeys = std::map<crypto::PublicKey, crypto::PresharedKey>;

struct Keys {
  crypto::PrivateKey private_key;
  PresharedKeys preshared_keys{};
};

/// nullptr: the peer has none.
[[nodiscard]] const crypto::PresharedKey* find_preshared_key(const PresharedKeys& keys,
                                                             const PeerConfig& peer);

struct KeysResult {
  /// nullopt unless every key was read and fits.
  std::optional<Keys> keys;
  std::vector<Diagnostic> diagnostics;
};

/// How to report a key file that this user may not open: an error for the daemon, a warning for `check`.
enum class NotPermitted : std::uint8_t { kIsError, kIsWarning };

/// Reads all key files and refuses a peer that has our own public key.
[[nodiscard]] KeysResult load_keys(const Config& config, NotPermitted not_permitted);

}  // namespace tunneld::config
