#include "config/text_check.h"

#include <utility>
#include <vector>

#include "config/utf8.h"

namespace tunneld::config {
namespace {

// Deeper than the real limit on nesting (yaml_document.h), because brackets in odd places are miscounted
// here.
constexpr std::size_t kDeepestBrackets = 256;
// yaml-cpp queues what is in brackets, and what is in one line, at up to 300 bytes for each token.
constexpr std::size_t kMostTokensInBrackets = 65'536;
constexpr std::size_t kLongestLine = 65'536;
// The beginning and the end of the one document that there is.
constexpr int kMostDocumentMarks = 2;

constexpr auto npos = std::string_view::npos;

class TextCheck {
 public:
  TextCheck(std::string_view text, const Location& file, Diagnostics& diagnostics)
      : text_(text), at_(file), diagnostics_(diagnostics) {}

  std::optional<TextFindings> run() {
    while (pos_ < text_.size()) {
      if (!check_character()) return std::nullopt;
      if (quote_ != 0) {
        inside_quotes();
      } else if (!outside_quotes()) {
        return std::nullopt;
      }
      advance();
    }
    if (quote_ != 0) {
      diagnostics_.error(quote_at_, "this quote is never closed", std::string("add the closing ") + quote_);
      return std::nullopt;
    }
    TextFindings findings;
    if (!brackets_.empty()) findings.unclosed_bracket = brackets_.back();
    return findings;
  }

 private:
  [[nodiscard]] char next() const { return pos_ + 1 < text_.size() ? text_[pos_ + 1] : '\0'; }

  void advance() {
    const char c = text_[pos_];
    if (c == '\n') {
      ++at_.line;
      at_.column = 1;
      in_indentation_ = true;
      in_comment_ = false;
    } else {
      ++at_.column;
      if (c != ' ') in_indentation_ = false;
    }
    ++pos_;
  }

  bool refuse(std::string message, std::string hint) {
    diagnostics_.error(at_, std::move(message), std::move(hint));
    return false;
  }

  /// Characters that are forbidden everywhere, quoted or not. Steps over all but the last byte of a longer
  /// UTF-8 sequence.
  bool check_character() {
    const char c = text_[pos_];
    const std::size_t length = utf8_length(text_.substr(pos_));
    if (length == 0) return refuse("this byte is not valid UTF-8", "save the file as UTF-8");
    if (c == '\0') return refuse("a NUL byte", "save the file as UTF-8 text");
    if (c == '\r' && next() != '\n') {
      return refuse("a carriage return without a line feed", "save the file with Unix line ends");
    }
    if (at_.column > kLongestLine) return refuse("a line of more than 64 KiB", "break it");
    const bool is_control = (c >= '\0' && c < ' ') || c == '\x7f';
    if (is_control && c != '\n' && c != '\r' && c != '\t') return refuse("a control character", "remove it");
    at_.column += static_cast<std::uint32_t>(length - 1);
    pos_ += length - 1;
    return true;
  }

  void inside_quotes() {
    const char c = text_[pos_];
    const bool is_escape = quote_ == '"' && c == '\\' && (next() == '"' || next() == '\\');
    if (is_escape || (quote_ == '\'' && c == '\'' && next() == '\'')) {
      advance();
    } else if (c == quote_) {
      quote_ = 0;
    }
  }

  bool outside_quotes() {
    const char c = text_[pos_];
    if (c == '\n') {
      token_may_start_ = true;
      after_space_ = true;
      return true;
    }
    if (in_comment_ || c == '\r') return true;
    if (c == '\t' && in_indentation_ && !is_blank_line()) {
      return refuse("a tab in the indentation", "indent with spaces");
    }
    if (c == ' ' || c == '\t') {
      after_space_ = true;
      return true;
    }
    if (c == '#' && after_space_) {
      in_comment_ = true;
      return true;
    }
    if (at_.column == 1 && is_document_mark() && ++document_marks_ > kMostDocumentMarks) {
      return refuse("another document", "a file holds one document");
    }
    const bool token_starts = std::exchange(token_may_start_, std::string_view("[{,:-?").find(c) != npos);
    const bool after_space = std::exchange(after_space_, false);
    if (token_starts && (c == '"' || c == '\'')) {
      quote_ = c;
      quote_at_ = at_;
    }
    return count_bracket(c, token_starts, after_space);
  }

  bool count_bracket(char c, bool token_starts, bool after_space) {
    if ((c == '[' || c == '{') && (token_starts || !brackets_.empty())) {
      if (brackets_.empty()) tokens_ = 0;
      brackets_.push_back(at_);
    } else if ((c == ']' || c == '}') && !brackets_.empty()) {
      brackets_.pop_back();
    }
    if (brackets_.size() > kDeepestBrackets) {
      return refuse("brackets are nested more than 32 deep here",
                    "a configuration needs five levels at most");
    }
    const bool is_token = after_space || std::string_view("[]{},:?\"'").find(c) != npos;
    if (!brackets_.empty() && is_token && ++tokens_ > kMostTokensInBrackets) {
      at_ = brackets_.front();
      return refuse("more than 65536 items in brackets", "write one item a line, each after '- '");
    }
    return true;
  }

  [[nodiscard]] bool is_document_mark() const {
    return text_.substr(pos_, 3) == "---" || text_.substr(pos_, 3) == "...";
  }

  [[nodiscard]] bool is_blank_line() const {
    const std::size_t first = text_.find_first_not_of(" \t\r", pos_);
    return first == npos || text_[first] == '\n' || text_[first] == '#';
  }

  std::string_view text_;
  Location at_;
  Diagnostics& diagnostics_;
  std::size_t pos_ = 0;
  char quote_ = 0;
  Location quote_at_;
  std::vector<Location> brackets_;
  std::size_t tokens_ = 0;
  int document_marks_ = 0;
  bool in_indentation_ = true;
  bool in_comment_ = false;
  bool token_may_start_ = true;
  bool after_space_ = true;
};

}  // namespace

std::optional<TextFindings> check_text(std::string_view text, const Location& file,
                                       Diagnostics& diagnostics) {
  return TextCheck(text, file, diagnostics).run();
}

}  // namespace tunneld::config
