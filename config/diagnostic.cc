#include "config/diagnostic.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "config/utf8.h"

namespace tunneld::config {
namespace {

constexpr std::size_t kLongestQuote = 60;

void append_escaped(std::string& out, std::uint8_t byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\x";
  out += kHex[byte >> 4U];
  out += kHex[byte & 0xfU];
}

/// What moves the cursor or turns the writing direction: C0 and C1 controls, DEL, and the bidirectional
/// overrides U+202A to U+202E and U+2066 to U+2069. `sequence` is one valid UTF-8 sequence.
bool is_unprintable(std::string_view sequence) {
  if (sequence.size() == 1) return static_cast<std::uint8_t>(sequence[0]) < 0x20 || sequence[0] == 0x7f;
  return (sequence >= "\u0080" && sequence <= "\u009f") || (sequence >= "\u202a" && sequence <= "\u202e") ||
         (sequence >= "\u2066" && sequence <= "\u2069");
}

}  // namespace

std::string to_string(const Location& at) {
  return (at.file ? *at.file : std::string()) + ':' + std::to_string(at.line) + ':' +
         std::to_string(at.column);
}

std::string to_string(const Diagnostic& diagnostic) {
  std::string text = to_string(diagnostic.at) + ": ";
  if (diagnostic.severity == Severity::kWarning) text += "warning: ";
  text += diagnostic.message;
  if (!diagnostic.hint.empty()) text += "; " + diagnostic.hint;
  return text;
}

std::string to_string(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += to_string(diagnostic) + '\n';
  return text;
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  while (!text.empty()) {
    if (out.size() > kLongestQuote) {
      out += "…";
      break;
    }
    const std::size_t length = utf8_length(text);
    const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0 || is_unprintable(sequence)) {
      for (const char byte : sequence) append_escaped(out, static_cast<std::uint8_t>(byte));
    } else {
      out += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return out + "'";
}

void Diagnostics::error(Location at, std::string message, std::string hint) {
  has_errors_ = true;
  add({Severity::kError, std::move(at), std::move(message), std::move(hint)});
}

void Diagnostics::warning(Location at, std::string message, std::string hint) {
  add({Severity::kWarning, std::move(at), std::move(message), std::move(hint)});
}

void Diagnostics::add(Diagnostic diagnostic) {
  if (diagnostics_.size() < kLimit) diagnostics_.push_back(std::move(diagnostic));
}

std::vector<Diagnostic> Diagnostics::take() {
  std::map<std::string, std::size_t> order;
  const auto rank = [&order](const Diagnostic& diagnostic) {
    const std::string& file = diagnostic.at.file ? *diagnostic.at.file : std::string();
    return order.try_emplace(file, order.size()).first->second;
  };
  for (const Diagnostic& diagnostic : diagnostics_) rank(diagnostic);
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(), [&](const Diagnostic& a, const Diagnostic& b) {
    return std::tuple(rank(a), a.at.line, a.at.column) < std::tuple(rank(b), b.at.line, b.at.column);
  });
  return std::move(diagnostics_);
}

}  // namespace tunneld::config
