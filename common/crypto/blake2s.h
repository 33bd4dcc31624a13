// BLAKE2s-256 (RFC 7693, by libb2), HMAC over it, and the HKDF of the WireGuard whitepaper, section 5.4.
#pragma once

#include <array>
#include <initializer_list>

#include "common/bytes.h"
#include "common/crypto/secret.h"

namespace tunneld::crypto {

using Digest = std::array<std::uint8_t, 32>;
using Mac = std::array<std::uint8_t, 16>;

/// Hash of the concatenation of `parts`.
[[nodiscard]] Digest blake2s(std::initializer_list<ByteView> parts);
/// Keyed BLAKE2s with a 16-byte result (the whitepaper's Mac). `key` has 1 to 32 bytes.
[[nodiscard]] Mac blake2s_mac(ByteView key, std::initializer_list<ByteView> parts);
/// HMAC-BLAKE2s-256 (RFC 2104; not the keyed mode).
[[nodiscard]] SymmetricKey hmac_blake2s(ByteView key, std::initializer_list<ByteView> parts);

/// The chaining key becomes the first output; the KDF's other outputs are returned.
void kdf1(SymmetricKey& chaining_key, ByteView input);
[[nodiscard]] SymmetricKey kdf2(SymmetricKey& chaining_key, ByteView input);
struct TwoKeys {
  SymmetricKey first;
  SymmetricKey second;
};
[[nodiscard]] TwoKeys kdf3(SymmetricKey& chaining_key, ByteView input);
/// Two keys from a final chaining key, which is left unchanged for the caller to wipe.
[[nodiscard]] TwoKeys derive_pair(const SymmetricKey& chaining_key, ByteView input);

}  // namespace tunneld::crypto
