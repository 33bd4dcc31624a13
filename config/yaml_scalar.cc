#include "config/yaml_scalar.h"

#include <cstddef>
#include <cstdint>

namespace tunneld::config {

std::string yaml_scalar(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xfU];
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + '"';
}

std::string yaml_list(const std::vector<std::string>& items) {
  constexpr std::size_t kMostInALine = 16;
  // Deeper than any key.
  constexpr std::string_view kItem = "\n          - ";
  std::string out;
  if (items.size() > kMostInALine) {
    for (const std::string& item : items) out.append(kItem) += yaml_scalar(item);
    return out;
  }
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + yaml_scalar(item);
  return " [" + out + ']';
}

}  // namespace tunneld::config
