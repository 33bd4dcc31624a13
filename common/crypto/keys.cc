#include "common/crypto/keys.h"

#include <stdexcept>

#include "common/crypto/blake2s.h"

namespace tunneld::crypto {
namespace {

constexpr std::size_t kBase64Length = 44;

/// Strict: libsodium refuses characters outside the alphabet, missing or additional padding and unused bits
/// that are set, in constant time. The length check refuses everything else. So each key has only one
/// encoding.
bool decode_base64(std::string_view text, std::span<std::uint8_t, kKeySize> out) {
  std::size_t written = 0;
  return text.size() == kBase64Length &&
         sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &written, nullptr,
                           sodium_base64_VARIANT_ORIGINAL) == 0 &&
         written == kKeySize;
}

void encode_base64(std::span<const std::uint8_t, kKeySize> bytes, std::span<char, kBase64Length + 1> out) {
  sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
}

/// The example of RFC 7693, appendix B, and a hash with a 1-byte key.
///
/// At the first call of each function (init, init_key, update, final) libb2 chooses its code for the CPU and
/// stores the choice in a plain pointer: a data race if two threads make that call at once. Calling all of
/// them here, before there are threads, avoids it.
bool blake2s_works() {
  constexpr std::array<std::uint8_t, 3> kMessage = {'a', 'b', 'c'};
  constexpr std::array<std::uint8_t, 1> kMacKey = {'k'};
  constexpr Digest kDigest = {0x50, 0x8c, 0x5e, 0x8c, 0x32, 0x7c, 0x14, 0xe2, 0xe1, 0xa7, 0x2b,
                              0xa3, 0x4e, 0xeb, 0x45, 0x2f, 0x37, 0x45, 0x8b, 0x20, 0x9e, 0xd6,
                              0x3a, 0x29, 0x4d, 0x99, 0x9b, 0x4c, 0x86, 0x67, 0x59, 0x82};
  constexpr Mac kMac = {0xf3, 0x35, 0x23, 0x74, 0x26, 0xff, 0x55, 0x82,
                        0xd0, 0xc6, 0x07, 0xef, 0x24, 0x06, 0x84, 0xb5};
  return blake2s({kMessage}) == kDigest && blake2s_mac(kMacKey, {kMessage}) == kMac;
}

}  // namespace

void init() {
  if (sodium_init() < 0)
    throw std::runtime_error("libsodium cannot be initialised: is the system's random source there?");
  if (!blake2s_works()) throw std::runtime_error("libb2 computes a wrong BLAKE2s on this machine");
}

void random_bytes(MutableBytes out) {
  randombytes_buf(out.data(), out.size());
}

PublicKey::PublicKey(std::span<const std::uint8_t, kKeySize> bytes) {
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

std::optional<PublicKey> PublicKey::from_base64(std::string_view text) {
  PublicKey key;
  if (!decode_base64(text, key.bytes_)) return std::nullopt;
  return key;
}

std::string PublicKey::to_base64() const {
  std::array<char, kBase64Length + 1> text{};
  encode_base64(bytes_, text);
  return text.data();
}

std::string PublicKey::to_short() const {
  return to_base64().substr(0, 8);
}

PrivateKey PrivateKey::generate() {
  Secret<kKeySize> bytes;
  random_bytes(bytes.mutable_view());
  return from_bytes(bytes.view());
}

PrivateKey PrivateKey::from_bytes(std::span<const std::uint8_t, kKeySize> bytes) {
  Secret<kKeySize> clamped(bytes);
  clamped.data()[0] &= 248;
  clamped.data()[31] = static_cast<std::uint8_t>((clamped.data()[31] & 127) | 64);
  return PrivateKey(std::move(clamped));
}

std::optional<PrivateKey> PrivateKey::from_base64(std::string_view text) {
  Secret<kKeySize> bytes;
  if (!decode_base64(text, bytes.mutable_view())) return std::nullopt;
  return from_bytes(bytes.view());
}

void PrivateKey::to_base64(std::span<char, 45> out) const {
  encode_base64(bytes_.view(), out);
}

PublicKey PrivateKey::public_key() const {
  std::array<std::uint8_t, kKeySize> bytes{};
  crypto_scalarmult_base(bytes.data(), bytes_.data());
  return PublicKey(bytes);
}

PrivateKey PrivateKey::clone() const {
  return PrivateKey(bytes_.clone());
}

std::optional<SymmetricKey> PrivateKey::agree(const PublicKey& other) const {
  SymmetricKey shared;
  if (crypto_scalarmult(shared.data(), bytes_.data(), other.data()) != 0 || shared.is_zero())
    return std::nullopt;
  return shared;
}

PresharedKey PresharedKey::generate() {
  Secret<kKeySize> bytes;
  random_bytes(bytes.mutable_view());
  return PresharedKey(std::move(bytes));
}

std::optional<PresharedKey> PresharedKey::from_base64(std::string_view text) {
  Secret<kKeySize> bytes;
  if (!decode_base64(text, bytes.mutable_view())) return std::nullopt;
  return PresharedKey(std::move(bytes));
}

void PresharedKey::to_base64(std::span<char, 45> out) const {
  encode_base64(bytes_.view(), out);
}

}  // namespace tunneld::crypto
