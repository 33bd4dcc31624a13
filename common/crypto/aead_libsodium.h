#pragma once

#include <memory>

#include "common/crypto/aead_engine.h"

namespace tunneld::crypto {

/// The reference engine. AES-256-GCM only where the CPU has AES-NI and CLMUL.
[[nodiscard]] std::unique_ptr<AeadEngine> make_libsodium_engine();

}  // namespace tunneld::crypto
