#include "common/crypto/blake2s.h"

#include <algorithm>
#include <cassert>

#include <blake2.h>

namespace tunneld::crypto {
namespace {

constexpr std::size_t kBlockSize = BLAKE2S_BLOCKBYTES;

/// A BLAKE2s state that is wiped, because with a key in it it is a secret.
class Blake2s {
 public:
  explicit Blake2s(std::size_t out_length) { blake2s_init(&state_, out_length); }
  Blake2s(std::size_t out_length, ByteView key) {
    assert(!key.empty() && key.size() <= BLAKE2S_KEYBYTES);
    blake2s_init_key(&state_, out_length, key.data(), key.size());
  }
  Blake2s(const Blake2s&) = delete;
  Blake2s& operator=(const Blake2s&) = delete;
  ~Blake2s() { sodium_memzero(&state_, sizeof state_); }

  void update(ByteView bytes) {
    if (!bytes.empty()) blake2s_update(&state_, bytes.data(), bytes.size());
  }
  void update(std::initializer_list<ByteView> parts) {
    for (const ByteView part : parts) update(part);
  }
  void finish(MutableBytes out) { blake2s_final(&state_, out.data(), out.size()); }

 private:
  blake2s_state state_;
};

constexpr std::array<std::uint8_t, 1> kOne = {1};
constexpr std::array<std::uint8_t, 1> kTwo = {2};
constexpr std::array<std::uint8_t, 1> kThree = {3};

}  // namespace

Digest blake2s(std::initializer_list<ByteView> parts) {
  Blake2s hash(32);
  hash.update(parts);
  Digest digest{};
  hash.finish(digest);
  return digest;
}

Mac blake2s_mac(ByteView key, std::initializer_list<ByteView> parts) {
  Blake2s hash(16, key);
  hash.update(parts);
  Mac mac{};
  hash.finish(mac);
  return mac;
}

SymmetricKey hmac_blake2s(ByteView key, std::initializer_list<ByteView> parts) {
  Secret<kBlockSize> block;
  if (key.size() > kBlockSize) {
    Blake2s hash(32);
    hash.update(key);
    hash.finish(block.mutable_view().first<32>());
  } else {
    std::copy(key.begin(), key.end(), block.data());
  }
  for (std::uint8_t& byte : block.mutable_view()) byte ^= 0x36;
  SymmetricKey result;
  {
    Blake2s inner(32);
    inner.update(block.view());
    inner.update(parts);
    inner.finish(result.mutable_view());
  }
  for (std::uint8_t& byte : block.mutable_view()) byte ^= 0x36 ^ 0x5c;
  Blake2s outer(32);
  outer.update(block.view());
  outer.update(result.view());
  outer.finish(result.mutable_view());
  return result;
}

void kdf1(SymmetricKey& chaining_key, ByteView input) {
  const SymmetricKey extracted = hmac_blake2s(chaining_key.view(), {input});
  chaining_key = hmac_blake2s(extracted.view(), {kOne});
}

SymmetricKey kdf2(SymmetricKey& chaining_key, ByteView input) {
  TwoKeys keys = derive_pair(chaining_key, input);
  chaining_key = std::move(keys.first);
  return std::move(keys.second);
}

TwoKeys kdf3(SymmetricKey& chaining_key, ByteView input) {
  const SymmetricKey extracted = hmac_blake2s(chaining_key.view(), {input});
  SymmetricKey first = hmac_blake2s(extracted.view(), {kOne});
  SymmetricKey second = hmac_blake2s(extracted.view(), {first.view(), kTwo});
  SymmetricKey third = hmac_blake2s(extracted.view(), {second.view(), kThree});
  chaining_key = std::move(first);
  return {std::move(second), std::move(third)};
}

TwoKeys derive_pair(const SymmetricKey& chaining_key, ByteView input) {
  const SymmetricKey extracted = hmac_blake2s(chaining_key.view(), {input});
  SymmetricKey first = hmac_blake2s(extracted.view(), {kOne});
  SymmetricKey second = hmac_blake2s(extracted.view(), {first.view(), kTwo});
  return {std::move(first), std::move(second)};
}

}  // namespace tunneld::crypto
