#include "config/wg_quick/wg_quick_comment.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "config/names.h"
#include "config/wg_quick/wg_quick_text.h"

namespace tunneld::config {
namespace {

constexpr std::size_t kLongestName = 56;
/// A key has 44 characters and must not end up in names of files.
constexpr std::size_t kLongestPlainComment = 32;
constexpr std::ptrdiff_t kMostWords = 3;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Runs of what a name cannot hold become one '-'.
std::string as_name(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool fits = is_alphanumeric(c) || c == '_' || c == '.' || c == '@' || c == '-';
    if (fits) out += c;
    if (!fits && !out.ends_with('-')) out += '-';
  }
  const std::size_t begin = std::min(out.find_first_not_of("-."), out.size());
  out = out.substr(begin, kLongestName);
  while (out.ends_with('-')) out.pop_back();
  return is_peer_name(out) ? out : std::string();
}

bool is_word(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  });
}

}  // namespace

CommentedName name_in_comment(std::string_view comment) {
  const std::string_view text = trimmed(trimmed(comment, "# \t\v\f\r"));
  const std::size_t separator = text.find_first_of("=:");
  if (separator != std::string_view::npos) {
    const std::string_view key = trimmed(text.substr(0, separator));
    const bool says_name = is_word(key, "name") || is_word(key, "friendly_name") || is_word(key, "client");
    return {says_name ? as_name(trimmed(text.substr(separator + 1))) : "", says_name};
  }
  const std::size_t space = text.find_first_of(kSpaces);
  if (space != std::string_view::npos) {
    const std::string_view first = text.substr(0, space);
    for (const std::string_view word : {"client", "begin_peer", "peer"}) {
      if (is_word(first, word)) return {as_name(trimmed(text.substr(space))), false};
    }
    if (is_word(first, "end_peer")) return {};
  }
  // A sentence, a key, a setting that is turned off?
  const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view(" '_-.@").find(c) != std::string_view::npos;
  });
  if (!is_plain || text.size() > kLongestPlainComment || text.ends_with('.') ||
      std::count(text.begin(), text.end(), ' ') >= kMostWords) {
    return {};
  }
  return {as_name(text), false};
}

}  // namespace tunneld::config
