#include "config/load_keys.h"

#include <algorithm>
#include <utility>

#include "config/key_file.h"

namespace tunneld::config {
namespace {

template <typename Key>
std::optional<Key> take(KeyFileResult<Key> result, const Location& at, NotPermitted not_permitted,
                        Diagnostics& diagnostics) {
  if (auto* key = std::get_if<Key>(&result)) return std::move(*key);
  auto& problem = std::get<KeyFileProblem>(result);
  if (problem.is_not_permitted && not_permitted == NotPermitted::kIsWarning) {
    diagnostics.warning(at, std::move(problem.message), std::move(problem.hint));
  } else {
    diagnostics.error(at, std::move(problem.message), std::move(problem.hint));
  }
  return std::nullopt;
}

}  // namespace

const crypto::PresharedKey* find_preshared_key(const PresharedKeys& keys, const PeerConfig& peer) {
  const auto found = keys.find(peer.public_key.value);
  return found == keys.end() ? nullptr : &found->second;
}

KeysResult load_keys(const Config& config, NotPermitted not_permitted) {
  Diagnostics diagnostics;
  const Located<KeyFile>& private_file = config.interface.private_key_file;
  auto private_key = take(read_private_key(private_file.value), private_file.at, not_permitted, diagnostics);

  PresharedKeys preshared_keys;
  bool all_read = private_key.has_value();
  for (const PeerConfig& peer : config.peers) {
    if (!peer.preshared_key_file) continue;
    const auto& [file, at] = *peer.preshared_key_file;
    auto preshared_key = take(read_preshared_key(file), at, not_permitted, diagnostics);
    all_read = all_read && preshared_key.has_value();
    if (preshared_key) preshared_keys.insert_or_assign(peer.public_key.value, *std::move(preshared_key));
  }

  if (private_key) {
    const crypto::PublicKey own = private_key->public_key();
    for (const PeerConfig& peer : config.peers) {
      if (peer.public_key.value != own) continue;
      diagnostics.error(peer.public_key.at, "peer " + in_quotes(peer.name.value) + " has our own public key",
                        "ask the peer for its own: `tunneld pubkey < KEYFILE` there");
    }
  }

  KeysResult result;
  if (all_read && !diagnostics.has_errors())
    result.keys = Keys{std::move(*private_key), std::move(preshared_keys)};
  result.diagnostics = diagnostics.take();
  return result;
}

}  // namespace tunneld::config
