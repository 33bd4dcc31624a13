// Bytes for test vectors: hex as the RFCs print it, and the pattern that the generated ones use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/crypto/keys.h"

namespace tunneld::crypto {

using Bytes = std::vector<std::uint8_t>;

/// Before main(), so that every test of the program finds the libraries ready.
inline const bool kLibrariesReady = (init(), true);

inline Bytes from_hex(std::string_view hex) {
  Bytes bytes(hex.size() / 2);
  std::size_t length = 0;
  if (sodium_hex2bin(bytes.data(), bytes.size(), hex.data(), hex.size(), nullptr, &length, nullptr) != 0 ||
      length * 2 != hex.size())
    throw std::invalid_argument("not hex: " + std::string(hex));
  return bytes;
}

inline std::string to_hex(ByteView bytes) {
  std::string hex(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), bytes.data(), bytes.size());
  hex.pop_back();
  return hex;
}

/// Byte i is (7 i + start) mod 256. In Python: bytes((i * 7 + start) & 255 for i in range(length)).
inline Bytes pattern(std::size_t length, std::uint8_t start = 0) {
  Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + start);
  return bytes;
}

/// The first 32 bytes.
inline std::span<const std::uint8_t, 32> as_key(const Bytes& bytes) {
  return ByteView(bytes).first<32>();
}

inline SymmetricKey symmetric_key(const Bytes& bytes) {
  return SymmetricKey(as_key(bytes));
}

}  // namespace tunneld::crypto
