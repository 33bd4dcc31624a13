#pragma once

#include <memory>

#include "common/crypto/aead_engine.h"

namespace tunneld::crypto {

/// Intel's Multi-Buffer Crypto for IPsec. Null if it is not built in or the CPU has no AVX2.
[[nodiscard]] std::unique_ptr<AeadEngine> make_ipsec_mb_engine();

}  // namespace tunneld::crypto
