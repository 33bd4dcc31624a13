#include "common/crypto/keys.h"

#include <cstring>
#include <stdexcept>

namespace tunneld::crypto {
namespace {

constexpr std::size_t kBase64Length = 44;

/// Strict: exactly 44 characters, canonical padding, unused bits zero (libsodium checks both).
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

}  // namespace

void init() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be initialised: is the system's random source there?");
}

void random_bytes(MutableBytes out) { randombytes_buf(out.data(), out.size()); }

PublicKey::PublicKey(std::span<const std::uint8_t, kKeySize> bytes) { std::copy(bytes.begin(), bytes.end(), bytes_.begin()); }

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

std::string PublicKey::to_short() const { return to_base64().substr(0, 8); }

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

void PrivateKey::to_base64(std::span<char, 45> out) const { encode_base64(bytes_.view(), out); }

PublicKey PrivateKey::public_key() const {
  std::array<std::uint8_t, kKeySize> bytes{};
  crypto_scalarmult_base(bytes.data(), bytes_.data());
  return PublicKey(bytes);
}

PrivateKey PrivateKey::clone() const { return PrivateKey(bytes_.clone()); }

std::optional<SymmetricKey> PrivateKey::agree(const PublicKey& other) const {
  SymmetricKey shared;
  if (crypto_scalarmult(shared.data(), bytes_.data(), other.data()) != 0 || shared.is_zero()) return std::nullopt;
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

void PresharedKey::to_base64(std::span<char, 45> out) const { encode_base64(bytes_.view(), out); }

}  // namespace tunneld::crypto
