#include "config/node.h"

#include <algorithm>

#include "config/scalars.h"
#include "config/suggestion.h"

namespace tunneld::config {
namespace {

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "empty";
    case YamlNode::Kind::kScalar:
      return in_quotes(node.scalar);
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a mapping";
  }
  return {};
}

}  // namespace

std::string words_of(std::span<const std::string_view> words) {
  std::string all;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) all += i + 1 == words.size() ? " or " : ", ";
    all += words[i];
  }
  return all;
}

void Node::error(std::string message, std::string hint) const {
  source_->diagnostics.error(at(), std::move(message), std::move(hint));
}

void Node::error_expected(std::string_view expected, std::string hint) const {
  error("'" + label_ + "' must be " + std::string(expected) + ", not " + describe(*node_), std::move(hint));
}

bool Node::is(std::string_view word) const {
  return node_->kind == YamlNode::Kind::kScalar && node_->scalar == word;
}

std::optional<std::string> Node::text(std::string_view expected) const {
  const auto is_control = [](char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; };
  if (node_->kind != YamlNode::Kind::kScalar || node_->scalar.empty() ||
      std::any_of(node_->scalar.begin(), node_->scalar.end(), is_control)) {
    error_expected(expected);
    return std::nullopt;
  }
  return node_->scalar;
}

std::optional<std::uint64_t> Node::number(std::uint64_t lowest, std::uint64_t highest,
                                          std::string_view expected) const {
  const auto value =
      node_->kind == YamlNode::Kind::kScalar ? parse_number(node_->scalar) : std::optional<std::uint64_t>();
  if (value && *value >= lowest && *value <= highest) return value;
  error_expected(expected);
  return std::nullopt;
}

std::vector<Node> Node::items(std::string_view expected) const {
  if (node_->kind != YamlNode::Kind::kList) {
    error_expected(expected, node_->kind == YamlNode::Kind::kScalar ? "put it in brackets: [ … ]" : "");
    return {};
  }
  std::vector<Node> nodes;
  nodes.reserve(node_->children.size());
  for (const YamlNode& child : node_->children) nodes.emplace_back(child, *source_, label_);
  return nodes;
}

void Node::error_choice(std::span<const std::string_view> words) const {
  std::string hint;
  if (node_->kind == YamlNode::Kind::kScalar) {
    const std::vector<std::string> candidates(words.begin(), words.end());
    if (const auto nearest = suggest(node_->scalar, candidates)) hint = "did you mean '" + *nearest + "'?";
  }
  error_expected(words_of(words), std::move(hint));
}

Mapping::Mapping(const Node& node) : node_(node), is_valid_(node.is_map()) {
  if (!is_valid_) {
    node.error_expected("a mapping of 'key: value'");
    return;
  }
  const std::vector<YamlNode>& children = node.yaml().children;
  for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
    const YamlNode& key = children[i];
    const Node at_key(key, node.source(), node.label());
    if (key.kind != YamlNode::Kind::kScalar) {
      at_key.error("a key in '" + node.label() + "' must be a word, not " + describe(key));
      continue;
    }
    const auto [first, is_new] = entries_.try_emplace(key.scalar, Entry{&key, &children[i + 1]});
    if (!is_new) {
      at_key.error(in_quotes(key.scalar) + " is given twice in '" + node.label() + "'",
                   "the first is in line " + std::to_string(first->second.key->line) + "; keep one");
    }
  }
}

std::optional<Node> Mapping::find(std::string_view key) {
  known_.emplace_back(key);
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return std::nullopt;
  entry->second.used = true;
  return Node(*entry->second.value, node_.source(), std::string(key));
}

std::optional<Node> Mapping::require(std::string_view key, std::string hint) {
  std::optional<Node> found = find(key);
  if (!found && is_valid_) {
    node_.error("'" + std::string(key) + "' is missing in '" + node_.label() + "'", std::move(hint));
  }
  return found;
}

void Mapping::refuse(std::string_view key, std::string hint) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  entry->second.used = true;
  Node(*entry->second.key, node_.source(), node_.label())
      .error("unknown key " + in_quotes(key) + " in '" + node_.label() + "'", std::move(hint));
}

void Mapping::finish() {
  std::size_t reported = 0;
  for (const auto& [key, entry] : entries_) {
    if (entry.used) continue;
    report_unknown(entry);
    if (++reported == Diagnostics::kLimit) return;
  }
}

void Mapping::report_unknown(const Entry& entry) const {
  std::string hint;
  if (const auto nearest = suggest(entry.key->scalar, known_)) {
    hint = "did you mean '" + *nearest + "'?";
  } else {
    hint = "known are ";
    for (std::size_t i = 0; i < known_.size(); ++i) hint += (i > 0 ? ", " : "") + known_[i];
  }
  Node(*entry.key, node_.source(), node_.label())
      .error("unknown key " + in_quotes(entry.key->scalar) + " in '" + node_.label() + "'", std::move(hint));
}

}  // namespace tunneld::config
