// genkey, pubkey and genpsk: the formats of wg(8). Secrets pass through wiped buffers only.
#pragma once

#include <string>

#include "daemon/exit_code.h"

namespace tunneld::daemon {

/// Prints to stdout or, if `file` is given, writes to a new file of mode 0600 (never over an existing one).
[[nodiscard]] ExitCode generate_private_key(const std::string& file);
[[nodiscard]] ExitCode generate_preshared_key(const std::string& file);
/// Private key on standard input, public key to stdout.
[[nodiscard]] ExitCode print_public_key();

}  // namespace tunneld::daemon
