#include "common/protocol/noise_handshake.h"

#include <string_view>

namespace tunneld::protocol {
namespace {

constexpr std::string_view kConstruction = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
constexpr std::string_view kIdentifier = "WireGuard v1 zx2c4 Jason@zx2c4.com";
constexpr std::string_view kFastKeysLabel = "tunneld aes-256-gcm v1";

ByteView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The initial state of both sides: the construction, the identifier, the responder's static key.
NoiseSymmetricState initial_state(const crypto::PublicKey& responder) {
  static const crypto::Digest chaining_key = crypto::blake2s({bytes_of(kConstruction)});
  static const crypto::Digest hash = crypto::blake2s({chaining_key, bytes_of(kIdentifier)});
  NoiseSymmetricState state(chaining_key, hash);
  state.mix_hash(responder.view());
  return state;
}

crypto::PrivateKey make_ephemeral(const RandomBytes& random) {
  crypto::Secret<crypto::kKeySize> bytes;
  random(bytes.mutable_view());
  return crypto::PrivateKey::from_bytes(bytes.view());
}

void mix_ephemeral(NoiseSymmetricState& state, ByteView ephemeral) {
  state.mix_chaining_key(ephemeral);
  state.mix_hash(ephemeral);
}

bool mix_dh(NoiseSymmetricState& state, const crypto::PrivateKey& ours, const crypto::PublicKey& theirs) {
  const auto shared = ours.agree(theirs);
  if (!shared) return false;
  state.mix_key(shared->view());
  return true;
}

void mix_preshared_key(NoiseSymmetricState& state, const std::optional<crypto::PresharedKey>& preshared_key) {
  const crypto::SymmetricKey none;
  state.mix_key_and_hash(preshared_key ? preshared_key->secret().view() : none.view());
}

SessionKeys session_keys(const NoiseSymmetricState& state, bool initiator) {
  crypto::TwoKeys data = state.split();
  crypto::TwoKeys fast = crypto::derive_pair(state.chaining_key(), bytes_of(kFastKeysLabel));
  if (initiator) {
    return {std::move(data.first), std::move(data.second), std::move(fast.first), std::move(fast.second)};
  }
  return {std::move(data.second), std::move(data.first), std::move(fast.second), std::move(fast.first)};
}

}  // namespace

std::optional<InitiatorHandshake::Started> InitiatorHandshake::start(
    const LocalIdentity& local, const crypto::PublicKey& peer, const crypto::SymmetricKey& static_static,
    std::uint32_t sender_index, const Tai64n& timestamp, const RandomBytes& random) {
  InitiationMessage message{};
  message.type = {1, 0, 0, 0};
  store_le(message.sender_index.data(), sender_index);

  NoiseSymmetricState state = initial_state(peer);
  crypto::PrivateKey ephemeral = make_ephemeral(random);
  const crypto::PublicKey ephemeral_public = ephemeral.public_key();
  std::memcpy(message.ephemeral.data(), ephemeral_public.data(), message.ephemeral.size());
  mix_ephemeral(state, message.ephemeral);

  if (!mix_dh(state, ephemeral, peer)) return std::nullopt;
  state.encrypt_and_hash(message.sealed_static, local.public_key.view());
  state.mix_key(static_static.view());
  state.encrypt_and_hash(message.sealed_timestamp, timestamp.bytes);
  return Started{InitiatorHandshake(std::move(state), std::move(ephemeral)), message};
}

std::optional<SessionKeys> InitiatorHandshake::finish(
    const LocalIdentity& local, const std::optional<crypto::PresharedKey>& preshared_key,
    const ResponseMessage& response) const {
  NoiseSymmetricState state = state_.clone();
  mix_ephemeral(state, response.ephemeral);
  const crypto::PublicKey ephemeral(response.ephemeral);
  if (!mix_dh(state, ephemeral_, ephemeral) || !mix_dh(state, local.private_key, ephemeral))
    return std::nullopt;
  mix_preshared_key(state, preshared_key);
  if (state.decrypt_and_hash({}, response.sealed_empty) != crypto::Verdict::kAuthentic) return std::nullopt;
  return session_keys(state, true);
}

std::optional<OpenedInitiation> open_initiation(const LocalIdentity& local,
                                                const InitiationMessage& message) {
  NoiseSymmetricState state = initial_state(local.public_key);
  mix_ephemeral(state, message.ephemeral);
  if (!mix_dh(state, local.private_key, crypto::PublicKey(message.ephemeral))) return std::nullopt;
  std::array<std::uint8_t, crypto::kKeySize> peer_key{};
  if (state.decrypt_and_hash(peer_key, message.sealed_static) != crypto::Verdict::kAuthentic)
    return std::nullopt;
  return OpenedInitiation(std::move(state), crypto::PublicKey(peer_key), message);
}

std::optional<InitiationFromPeer> OpenedInitiation::authenticate(
    const crypto::SymmetricKey& static_static) && {
  state_.mix_key(static_static.view());
  Tai64n timestamp;
  if (state_.decrypt_and_hash(timestamp.bytes, message_.sealed_timestamp) != crypto::Verdict::kAuthentic) {
    return std::nullopt;
  }
  return InitiationFromPeer(timestamp, message_.sender(), std::move(state_),
                            crypto::PublicKey(message_.ephemeral));
}

std::optional<InitiationFromPeer::Answer> InitiationFromPeer::respond(
    const crypto::PublicKey& peer, const std::optional<crypto::PresharedKey>& preshared_key,
    std::uint32_t own_index, const RandomBytes& random) && {
  ResponseMessage message{};
  message.type = {2, 0, 0, 0};
  store_le(message.sender_index.data(), own_index);
  store_le(message.receiver_index.data(), sender_index);

  const crypto::PrivateKey ephemeral = make_ephemeral(random);
  const crypto::PublicKey ephemeral_public = ephemeral.public_key();
  std::memcpy(message.ephemeral.data(), ephemeral_public.data(), message.ephemeral.size());
  mix_ephemeral(state_, message.ephemeral);
  if (!mix_dh(state_, ephemeral, ephemeral_) || !mix_dh(state_, ephemeral, peer)) return std::nullopt;
  mix_preshared_key(state_, preshared_key);
  state_.encrypt_and_hash(message.sealed_empty, {});
  return Answer{message, session_keys(state_, false)};
}

}  // namespace tunneld::protocol
