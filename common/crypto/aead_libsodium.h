#pragma once

#include <memory>

#include "common/crypto/aead_engine.h"

namespace tunneld::crypto {

/// The reference engine. It has AES-256-GCM only if the CPU has AES-NI and CLMUL.
[[nodiscard]] std::unique_ptr<AeadEngine> make_libsodium_engine();

}  // namespace tunneld::crypto
