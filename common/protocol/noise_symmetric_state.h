// Noise's SymmetricState (Noise specification, revision 34, section 5.2) with ChaChaPoly and BLAKE2s.
//
// It holds the chaining key, the transcript hash, and the key for the next encrypted field. It is separate
// from WireGuard's messages so that the published vectors of Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s can be run
// against it.
#pragma once

#include <optional>

#include "common/crypto/aead.h"
#include "common/crypto/blake2s.h"

namespace tunneld::protocol {

class NoiseSymmetricState {
 public:
  /// A `protocol_name` longer than a hash is hashed, as the specification says; WireGuard's is longer.
  explicit NoiseSymmetricState(ByteView protocol_name);
  /// From precomputed values (WireGuard's are constants).
  NoiseSymmetricState(const crypto::Digest& chaining_key, const crypto::Digest& hash);
  NoiseSymmetricState(NoiseSymmetricState&&) = default;
  NoiseSymmetricState& operator=(NoiseSymmetricState&&) = default;
  [[nodiscard]] NoiseSymmetricState clone() const;

  void mix_hash(ByteView data);
  /// Mixes into the chaining key and the cipher key.
  void mix_key(ByteView input);
  /// Mixes into the chaining key only: WireGuard's KDF1 of a public key, which Noise requires with a
  /// preshared key.
  void mix_chaining_key(ByteView input);
  /// Mixes a preshared key into chaining key, hash and cipher key.
  void mix_key_and_hash(ByteView input);
  /// `out` has plain.size() + 16 bytes.
  void encrypt_and_hash(MutableBytes out, ByteView plain);
  /// On kForged the state is unchanged.
  crypto::Verdict decrypt_and_hash(MutableBytes out, ByteView sealed);

  /// The two transport keys, the initiator's first.
  [[nodiscard]] crypto::TwoKeys split() const;
  [[nodiscard]] const crypto::SymmetricKey& chaining_key() const { return chaining_key_; }
  [[nodiscard]] const crypto::Digest& hash() const { return hash_; }

 private:
  crypto::SymmetricKey chaining_key_;
  crypto::SymmetricKey key_;
  crypto::Digest hash_;
  std::uint64_t counter_ = 0;  ///< fields sealed under key_ so far
};

}  // namespace tunneld::protocol
