// Reading a secret key from its file, and refusing a file that does not keep it secret.
//
// Refused are a file that others can read, a FIFO, and a link that others can redirect
// (config/trusted_path.h). Everything is checked on the open descriptor, so that what
// was checked is what is read. The text lives in memory that is wiped.
#pragma once

#include <string>
#include <variant>

#include "common/crypto/keys.h"
#include "config/config.h"

namespace tunneld::config {

/// The longest file that can be a key: 44 characters and some white space.
inline constexpr std::size_t kMaxKeyFileSize = 128;

struct KeyFileProblem {
  /// Says which file, and what is wrong with it; `hint` says how to fix it.
  std::string message;
  std::string hint;
  /// The only problem is that this user may not open the file, as when `check` runs without root.
  bool is_not_permitted = false;
};

template <typename Key>
using KeyFileResult = std::variant<Key, KeyFileProblem>;

/// The file must be regular, or a link to such a file that nobody else can turn elsewhere, belong to root or
/// to us, and grant nothing to group or others; but root's file may be read by the service's group
/// (config/service_user.h). A systemd credential may be readable by a group: systemd
/// grants its service's user access by an ACL, whose mask shows there.
[[nodiscard]] KeyFileResult<crypto::PrivateKey> read_private_key(const KeyFile& file);
[[nodiscard]] KeyFileResult<crypto::PresharedKey> read_preshared_key(const KeyFile& file);

}  // namespace tunneld::config
