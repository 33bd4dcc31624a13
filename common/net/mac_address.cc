#include "common/net/mac_address.h"

#include <charconv>

namespace tunneld::net {

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  constexpr std::size_t kLength = 3 * kSize - 1;
  if (text.size() != kLength) return std::nullopt;
  const char separator = text[2];
  if (separator != ':' && separator != '-') return std::nullopt;
  MacAddress address;
  for (std::size_t i = 0; i < kSize; ++i) {
    const char* digits = text.data() + 3 * i;
    if (i > 0 && digits[-1] != separator) return std::nullopt;
    const auto [end, error] = std::from_chars(digits, digits + 2, address.bytes_[i], 16);
    if (error != std::errc() || end != digits + 2) return std::nullopt;
  }
  return address;
}

std::string MacAddress::to_string() const {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes_) {
    if (!text.empty()) text += ':';
    text += kHex[byte >> 4U];
    text += kHex[byte & 15U];
  }
  return text;
}

}  // namespace tunneld::net
