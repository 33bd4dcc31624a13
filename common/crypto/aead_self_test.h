// Proof, at start, that an engine computes what libsodium computes: a library that is wrong on this CPU (or a
// CPU that is) must not be found out by peers that drop every packet, or by plaintext on the wire.
#pragma once

#include "common/crypto/aead_engine.h"

namespace tunneld::crypto {

/// Random batches of many lengths (0 to 9000 bytes), under random keys and counters up to 2^64-1, for every
/// cipher that `engine` supports: the sealed bytes are the reference's, open() gives the plaintext back, and
/// a flipped bit, a wrong counter or a wrong key is refused without harm to the packet's neighbours. A cipher
/// that the reference lacks cannot be proved and fails. Takes about 10 ms.
[[nodiscard]] bool passes_self_test(const AeadEngine& engine, const AeadEngine& reference);

}  // namespace tunneld::crypto
