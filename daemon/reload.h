// Reads the configuration again while the interface runs, and decides what may change and what needs a restart.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "common/crypto/keys.h"
#include "config/config.h"
#include "config/load_keys.h"

namespace tunneld::daemon {

/// The new configuration is rejected; what() says why, with file, line and fix.
class ReloadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct ReadAgain {
  /// The new configuration; settings that need a restart keep their old values.
  config::Config config;
  config::PresharedKeys preshared_keys;
  /// One line for each changed setting that needs a restart.
  std::vector<std::string> notes;
};

/// Throws ReloadError.
[[nodiscard]] ReadAgain read_again(const std::string& path, const config::Config& running,
                                   const crypto::PublicKey& public_key);

}  // namespace tunneld::daemon
