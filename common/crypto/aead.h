// The AEADs of the handshake: ChaCha20-Poly1305 (RFC 8439) and XChaCha20-Poly1305 from libsodium, one message
// at a time. The data path has a batched interface of its own in aead_engine.h.
#pragma once

#include "common/bytes.h"
#include "common/crypto/secret.h"

namespace tunneld::crypto {

inline constexpr std::size_t kTagSize = 16;
inline constexpr std::size_t kXNonceSize = 24;

/// out.size() == plain.size() + kTagSize. The nonce is 4 zero bytes and the counter, little-endian.
void seal(MutableBytes out, ByteView plain, ByteView associated, const SymmetricKey& key,
          std::uint64_t counter);
/// out.size() + kTagSize == sealed.size(). On kForged nothing in `out` may be used.
Verdict open(MutableBytes out, ByteView sealed, ByteView associated, const SymmetricKey& key,
             std::uint64_t counter);

/// The same with a 24-byte nonce, which may be random (the whitepaper's cookie replies). `key` has 32 bytes.
void xseal(MutableBytes out, ByteView plain, ByteView associated, ByteView key,
           std::span<const std::uint8_t, kXNonceSize> nonce);
Verdict xopen(MutableBytes out, ByteView sealed, ByteView associated, ByteView key,
              std::span<const std::uint8_t, kXNonceSize> nonce);

/// Constant-time equality of two 16-byte MACs.
Verdict verify_mac(std::span<const std::uint8_t, 16> expected, std::span<const std::uint8_t, 16> actual);

}  // namespace tunneld::crypto
