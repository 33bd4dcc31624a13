// A QR code for a terminal.
#pragma once

#include <string_view>

#include "common/crypto/secret_text.h"

namespace tunneld::daemon {

/// Black on white whatever the terminal's own colours are (ECMA-48 sequences). Each line shows two rows of
/// modules as half blocks (UTF-8), surrounded by the quiet zone of four modules that scanners need (ISO/IEC
/// 18004). Throws std::system_error if `text` does not fit into a QR code (2,953 bytes).
[[nodiscard]] crypto::SecretText qr_for_terminal(std::string_view text);

}  // namespace tunneld::daemon
