#include "config/yaml_writer.h"

#include <cstddef>
#include <cstdint>

#include "config/scalars.h"

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

std::string to_yaml(Duration duration) {
  return format_duration(duration);
}

void YamlWriter::line(std::string_view key, std::string_view value) {
  for (std::size_t depth = 0; depth < within_.size(); ++depth) {
    Level& level = within_[depth];
    if (std::exchange(level.is_written, true)) continue;
    if (level.key == "-") {
      begins_item_ = true;
    } else {
      write(depth, level.key, "");
    }
  }
  write(within_.size(), key, value);
}

void YamlWriter::write(std::size_t depth, std::string_view key, std::string_view value) {
  std::string indentation(2 * depth, ' ');
  if (std::exchange(begins_item_, false)) indentation.replace(indentation.size() - 2, 2, "- ");
  text_.append(indentation).append(key).append(":");
  // A list says itself whether it stands here or below.
  const bool is_separated = value.starts_with(' ') || value.starts_with('\n');
  if (!value.empty()) text_.append(is_separated ? "" : " ").append(value);
  text_ += '\n';
}

std::string YamlWriter::only_value() const {
  const std::size_t colon = text_.find(": ");
  if (colon == std::string::npos || text_.find('\n') + 1 != text_.size()) return {};
  return text_.substr(colon + 2, text_.size() - colon - 3);
}

}  // namespace tunneld::config
