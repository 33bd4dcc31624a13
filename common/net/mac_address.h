// 48-bit Ethernet addresses (IEEE 802), by which a bridge forwards.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.h"

namespace tunneld::net {

class MacAddress {
 public:
  static constexpr std::size_t kSize = 6;

  MacAddress() = default;
  explicit MacAddress(std::span<const std::uint8_t, kSize> bytes) {
    for (std::size_t i = 0; i < kSize; ++i) bytes_[i] = bytes[i];
  }
  /// "02:00:5e:10:00:01", in upper or lower case, also separated by '-'.
  [[nodiscard]] static std::optional<MacAddress> parse(std::string_view text);
  /// In lower case, as `ip link` writes it.
  [[nodiscard]] std::string to_string() const;

  [[nodiscard]] const std::array<std::uint8_t, kSize>& bytes() const { return bytes_; }
  /// In the low 48 bits.
  [[nodiscard]] std::uint64_t number() const {
    return std::uint64_t{load_be16(bytes_.data())} << 32 | load_be32(bytes_.data() + 2);
  }
  /// Broadcast and multicast.
  [[nodiscard]] bool is_group() const { return (bytes_[0] & 1U) != 0; }
  /// Of one station: no group, and not all zero.
  [[nodiscard]] bool is_station() const { return !is_group() && number() != 0; }
  auto operator<=>(const MacAddress&) const = default;

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

}  // namespace tunneld::net
