// Tests at start that an engine computes the same as libsodium. Otherwise a library that is wrong on this CPU
// (or a faulty CPU) would be noticed only by peers that drop every packet, or by plaintext on the wire.
#pragma once

#include "common/crypto/aead_engine.h"

namespace tunneld::crypto {

/// Uses random batches of many lengths (0 to 9000 bytes), under random keys and counters up to 2^64-1, for
/// every cipher that `engine` supports. The sealed bytes must equal the reference's, and open() must return
/// the plaintext. A flipped bit, a wrong counter or a wrong key must be refused without affecting the
/// neighbouring packets. A cipher that the reference lacks cannot be tested and fails. Takes about 10 ms.
[[nodiscard]] bool passes_self_test(const AeadEngine& engine, const AeadEngine& reference);

}  // namespace tunneld::crypto
