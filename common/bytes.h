// Types for raw bytes, and little-endian and big-endian access to them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace tunneld {

using ByteView = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

static_assert(std::endian::native == std::endian::little, "the wire structs are read in place");

template <typename T>
[[nodiscard]] inline T load_le(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <typename T>
inline void store_le(std::uint8_t* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

[[nodiscard]] inline std::uint16_t load_be16(const std::uint8_t* at) {
  return __builtin_bswap16(load_le<std::uint16_t>(at));
}
[[nodiscard]] inline std::uint32_t load_be32(const std::uint8_t* at) {
  return __builtin_bswap32(load_le<std::uint32_t>(at));
}
[[nodiscard]] inline std::uint64_t load_be64(const std::uint8_t* at) {
  return __builtin_bswap64(load_le<std::uint64_t>(at));
}
inline void store_be16(std::uint8_t* at, std::uint16_t value) {
  store_le(at, __builtin_bswap16(value));
}
inline void store_be32(std::uint8_t* at, std::uint32_t value) {
  store_le(at, __builtin_bswap32(value));
}
inline void store_be64(std::uint8_t* at, std::uint64_t value) {
  store_le(at, __builtin_bswap64(value));
}

}  // namespace tunneld
