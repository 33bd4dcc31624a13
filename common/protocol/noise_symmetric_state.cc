#include "common/protocol/noise_symmetric_state.h"

#include <algorithm>

namespace tunneld::protocol {
namespace {

crypto::Digest initial_hash(ByteView protocol_name) {
  crypto::Digest hash{};
  if (protocol_name.size() > hash.size()) return crypto::blake2s({protocol_name});
  std::copy(protocol_name.begin(), protocol_name.end(), hash.begin());
  return hash;
}

}  // namespace

NoiseSymmetricState::NoiseSymmetricState(ByteView protocol_name)
    : NoiseSymmetricState(initial_hash(protocol_name), initial_hash(protocol_name)) {}

NoiseSymmetricState::NoiseSymmetricState(const crypto::Digest& chaining_key, const crypto::Digest& hash)
    : chaining_key_(std::span<const std::uint8_t, 32>(chaining_key)), hash_(hash) {}

NoiseSymmetricState NoiseSymmetricState::clone() const {
  NoiseSymmetricState copy(hash_, hash_);
  copy.chaining_key_ = chaining_key_.clone();
  copy.key_ = key_.clone();
  copy.counter_ = counter_;
  return copy;
}

void NoiseSymmetricState::mix_hash(ByteView data) {
  hash_ = crypto::blake2s({hash_, data});
}

void NoiseSymmetricState::mix_key(ByteView input) {
  key_ = crypto::kdf2(chaining_key_, input);
  counter_ = 0;
}

void NoiseSymmetricState::mix_chaining_key(ByteView input) {
  crypto::kdf1(chaining_key_, input);
}

void NoiseSymmetricState::mix_key_and_hash(ByteView input) {
  crypto::TwoKeys keys = crypto::kdf3(chaining_key_, input);
  mix_hash(keys.first.view());
  key_ = std::move(keys.second);
  counter_ = 0;
}

void NoiseSymmetricState::encrypt_and_hash(MutableBytes out, ByteView plain) {
  crypto::seal(out, plain, hash_, key_, counter_++);
  mix_hash(out);
}

crypto::Verdict NoiseSymmetricState::decrypt_and_hash(MutableBytes out, ByteView sealed) {
  const crypto::Verdict verdict = crypto::open(out, sealed, hash_, key_, counter_);
  if (verdict == crypto::Verdict::kAuthentic) {
    ++counter_;
    mix_hash(sealed);
  }
  return verdict;
}

crypto::TwoKeys NoiseSymmetricState::split() const {
  return crypto::derive_pair(chaining_key_, {});
}

}  // namespace tunneld::protocol
