// The handshake: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard uses it (whitepaper section 5.4).
//
// Initiator: start() → send → finish(response). Responder: open_initiation() returns the static key that the
// initiation names; authenticate() proves it with the precomputed DH of the static keys; respond() answers.
// Nothing here has a side effect: a message that fails leaves all state unchanged, so a forged response
// cannot end a pending handshake.
//
// Every intermediate value is a Secret and is wiped. A DH whose result is zero (low-order point) ends the
// handshake.
#pragma once

#include <optional>

#include "common/crypto/keys.h"
#include "common/protocol/messages.h"
#include "common/protocol/noise_symmetric_state.h"
#include "common/protocol/random_source.h"
#include "common/protocol/tai64n.h"

namespace tunneld::protocol {

struct LocalIdentity {
  explicit LocalIdentity(crypto::PrivateKey key)
      : private_key(std::move(key)), public_key(private_key.public_key()) {}
  crypto::PrivateKey private_key;
  crypto::PublicKey public_key;
};

/// The result of a completed handshake, derived from the final chaining key C:
///   (initiator→responder, responder→initiator)           = KDF2(C, "")                      WireGuard's own
///   (initiator→responder, responder→initiator), fast_*   = KDF2(C, "tunneld aes-256-gcm v1")
/// The fast keys are Noise's additional symmetric keys: independent of the first two, never used with a stock
/// peer.
struct SessionKeys {
  crypto::SymmetricKey send, receive;
  crypto::SymmetricKey fast_send, fast_receive;
};

class InitiatorHandshake {
 public:
  struct Started;
  /// The message has no macs yet. `static_static` is the DH of the two static keys. nullopt: the peer's key
  /// is a low-order point.
  [[nodiscard]] static std::optional<Started> start(const LocalIdentity& local, const crypto::PublicKey& peer,
                                                    const crypto::SymmetricKey& static_static,
                                                    std::uint32_t sender_index, const Tai64n& timestamp,
                                                    const RandomBytes& random);

  /// nullopt if the response does not authenticate; the handshake is then unchanged.
  [[nodiscard]] std::optional<SessionKeys> finish(const LocalIdentity& local,
                                                  const std::optional<crypto::PresharedKey>& preshared_key,
                                                  const ResponseMessage& response) const;

 private:
  InitiatorHandshake(NoiseSymmetricState state, crypto::PrivateKey ephemeral)
      : state_(std::move(state)), ephemeral_(std::move(ephemeral)) {}
  NoiseSymmetricState state_;
  crypto::PrivateKey ephemeral_;
};

struct InitiatorHandshake::Started {
  InitiatorHandshake handshake;
  InitiationMessage message;
};

/// An initiation that is proven to come from the holder of a peer's static key. It may still be a replay:
/// check `timestamp`.
class InitiationFromPeer {
 public:
  struct Answer {
    ResponseMessage message;  ///< without macs
    SessionKeys keys;
  };

  /// nullopt if the initiator's ephemeral key or `peer` is a low-order point.
  [[nodiscard]] std::optional<Answer> respond(const crypto::PublicKey& peer,
                                              const std::optional<crypto::PresharedKey>& preshared_key,
                                              std::uint32_t sender_index, const RandomBytes& random) &&;

  Tai64n timestamp;
  std::uint32_t sender_index;

 private:
  friend class OpenedInitiation;
  InitiationFromPeer(const Tai64n& time, std::uint32_t index, NoiseSymmetricState state,
                     const crypto::PublicKey& ephemeral)
      : timestamp(time), sender_index(index), state_(std::move(state)), ephemeral_(ephemeral) {}
  NoiseSymmetricState state_;
  crypto::PublicKey ephemeral_;
};

/// An initiation that names a static key. Anybody could have made it: authenticate() proves the name.
class OpenedInitiation {
 public:
  [[nodiscard]] const crypto::PublicKey& peer_key() const { return peer_key_; }
  [[nodiscard]] std::optional<InitiationFromPeer> authenticate(const crypto::SymmetricKey& static_static) &&;

 private:
  friend std::optional<OpenedInitiation> open_initiation(const LocalIdentity&, const InitiationMessage&);
  OpenedInitiation(NoiseSymmetricState state, const crypto::PublicKey& peer_key,
                   const InitiationMessage& message)
      : state_(std::move(state)), peer_key_(peer_key), message_(message) {}
  NoiseSymmetricState state_;
  crypto::PublicKey peer_key_;
  InitiationMessage message_;
};

/// Costs one DH. Precondition: mac1 was checked. nullopt if the static key does not decrypt.
[[nodiscard]] std::optional<OpenedInitiation> open_initiation(const LocalIdentity& local,
                                                              const InitiationMessage& message);

}  // namespace tunneld::protocol
