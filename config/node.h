// Cursors over a parsed file: they read a value as the type that an option has, and report what does not fit.
//
// A reader asks a Mapping for its keys one by one (config/option.h); a key that nobody asked for is unknown.
// Reading never stops at an error: the reader returns nullopt, the section keeps its default and goes on, and
// the whole result is discarded at the end.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/yaml_document.h"

namespace tunneld::config {

class Node;

/// What the cursors of one file share. Outlives them, as does the tree.
struct Source {
  /// Names the file; line and column are unused.
  Location file;
  Diagnostics& diagnostics;
  /// The file's directory, absolute: relative file names start there.
  std::string directory = {};
  /// Reads what `include:` of this file asks for.
  std::function<void(const Node& node)> include = {};
};

/// One of the words that an option takes.
template <typename T>
struct Word {
  std::string_view word;
  T value;
};
inline constexpr std::array kBools{Word<bool>{"true", true}, Word<bool>{"false", false}};

/// "a, b or c"
[[nodiscard]] std::string words_of(std::span<const std::string_view> words);
template <typename T, std::size_t N>
[[nodiscard]] std::string words_of(const std::array<Word<T>, N>& words) {
  std::array<std::string_view, N> names;
  std::ranges::transform(words, names.begin(), &Word<T>::word);
  return words_of(std::span<const std::string_view>(names));
}

/// A value in a file. `label` is what messages call it: the key, as a rule.
class Node {
 public:
  Node(const YamlNode& node, const Source& source, std::string label)
      : node_(&node), source_(&source), label_(std::move(label)) {}

  [[nodiscard]] Location at() const { return {source_->file.file, node_->line, node_->column}; }
  [[nodiscard]] const std::string& label() const { return label_; }
  [[nodiscard]] const Source& source() const { return *source_; }
  [[nodiscard]] const YamlNode& yaml() const { return *node_; }

  void error(std::string message, std::string hint = {}) const;
  /// "'label' must be EXPECTED, not 'VALUE'". Every wrong value is reported in these words.
  void error_expected(std::string_view expected, std::string hint = {}) const;

  [[nodiscard]] bool is_map() const { return node_->kind == YamlNode::Kind::kMap; }
  /// Whether this is exactly this word; reports nothing.
  [[nodiscard]] bool is(std::string_view word) const;

  /// A scalar that is not empty and holds no control characters (a file name or a name ends up in logs and
  /// paths).
  [[nodiscard]] std::optional<std::string> text(std::string_view expected) const;
  /// A whole number, decimal without leading zeros.
  [[nodiscard]] std::optional<std::uint64_t> number(std::uint64_t lowest, std::uint64_t highest,
                                                    std::string_view expected) const;
  /// A list, perhaps empty. The items carry this node's label.
  [[nodiscard]] std::vector<Node> items(std::string_view expected) const;

  template <typename T, std::size_t N>
  [[nodiscard]] std::optional<T> choice(const std::array<Word<T>, N>& words) const {
    std::vector<std::string_view> names;
    for (const Word<T>& word : words) {
      if (is(word.word)) return word.value;
      names.push_back(word.word);
    }
    error_choice(names);
    return std::nullopt;
  }

 private:
  void error_choice(std::span<const std::string_view> words) const;

  const YamlNode* node_;
  const Source* source_;
  std::string label_;
};

/// A mapping whose keys are asked for one by one. The constructor reports duplicate keys, finish() unknown
/// ones.
class Mapping {
 public:
  /// If `node` is not a mapping, reports that and makes an empty mapping.
  explicit Mapping(const Node& node);

  /// Whether there was a mapping at all; if not, missing keys are not reported again.
  [[nodiscard]] bool is_valid() const { return is_valid_; }
  [[nodiscard]] std::optional<Node> find(std::string_view key);
  /// find(), and an error where the key is missing. `hint` says what to write.
  [[nodiscard]] std::optional<Node> require(std::string_view key, std::string hint);
  /// A key that people expect here but that does not exist: reports it with this advice instead of a guess.
  void refuse(std::string_view key, std::string hint);
  /// Reports every key that was not asked for, with the nearest one that was.
  void finish();

 private:
  struct Entry {
    const YamlNode* key;
    const YamlNode* value;
    bool used = false;
  };

  void report_unknown(const Entry& entry) const;

  Node node_;
  bool is_valid_ = false;
  std::map<std::string_view, Entry> entries_;
  std::vector<std::string> known_;
};

}  // namespace tunneld::config
