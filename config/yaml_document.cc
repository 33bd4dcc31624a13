#include "config/yaml_document.h"

#include <array>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "config/text_check.h"

namespace tunneld::config {
namespace {

/// Leaves yaml-cpp's parser from inside an event.
struct Refusal {
  std::uint32_t line;
  std::uint32_t column;
  std::string message;
  std::string hint;
};

/// yaml-cpp counts from 0, and says -1 where it does not know.
std::uint32_t from_one(int zero_based) {
  return zero_based < 0 ? 1 : static_cast<std::uint32_t>(zero_based) + 1;
}

[[noreturn]] void refuse(const YAML::Mark& mark, std::string message, std::string hint) {
  throw Refusal{from_one(mark.line), from_one(mark.column), std::move(message), std::move(hint)};
}

[[noreturn]] void refuse_alias(const YAML::Mark& mark) {
  refuse(mark, "anchors (&) and aliases (*) are not supported",
         "write the value out; quote it if it starts with & or *");
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  [[nodiscard]] bool has_document() const { return documents_ > 0; }
  [[nodiscard]] YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      refuse(mark, "this belongs to nothing above it", "check the indentation; a file holds one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(YamlNode::Kind::kNull, mark, "?", anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_alias(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = make(YamlNode::Kind::kScalar, mark, tag, anchor);
    node.scalar = value;
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(make(YamlNode::Kind::kList, mark, tag, anchor), mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(make(YamlNode::Kind::kMap, mark, tag, anchor), mark);
  }
  void OnMapEnd() override { close(); }

 private:
  YamlNode make(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) refuse_alias(mark);
    // yaml-cpp says "?" for no tag, and "!" for none on a quoted scalar.
    if (!tag.empty() && tag != "?" && tag != "!") {
      refuse(mark, "YAML tags (!) are not supported", "remove the tag; quote the value if it starts with !");
    }
    if (++nodes_ > kMostNodes) {
      refuse(mark, "more than " + std::to_string(kMostNodes) + " values in one file",
             "split the file and include the parts");
    }
    return {kind, from_one(mark.line), from_one(mark.column), {}, {}};
  }

  void open(YamlNode node, const YAML::Mark& mark) {
    if (open_.size() == kDeepestNesting) {
      refuse(mark, "nested more than " + std::to_string(kDeepestNesting) + " deep",
             "a configuration needs five levels at most");
    }
    open_.push_back(std::move(node));
  }

  void close() {
    YamlNode node = std::move(open_.back());
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    YamlNode& parent = open_.back();
    if (node.kind == YamlNode::Kind::kNull) {
      // yaml-cpp marks an absent value where the next token stands, perhaps many lines below.
      const bool is_map_value = parent.kind == YamlNode::Kind::kMap && parent.children.size() % 2 == 1;
      const YamlNode& nearest = is_map_value ? parent.children.back() : parent;
      node.line = nearest.line;
      node.column = nearest.column;
    }
    parent.children.push_back(std::move(node));
  }

  std::vector<YamlNode> open_;
  YamlNode root_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

struct Translation {
  std::string_view parser_says;
  std::string_view message;
  std::string_view hint;
};

constexpr std::array kTranslations{
    Translation{"illegal map value", "a ':' that does not belong here",
                "check the indentation and the commas, and quote values that contain ': '"},
    Translation{"unknown token", "a value cannot start with this character", "quote the value"},
    Translation{"end of map not found", "this line does not belong to the map above it",
                "check the indentation, and write 'key: value' with a space after the colon"},
    Translation{"end of sequence not found", "this line does not belong to the list above it",
                "check the indentation, and start items with '- '"},
    Translation{"illegal block entry", "a list item that does not belong here", "check the indentation"},
    Translation{"illegal flow end", "this closing bracket does not match an opening one",
                "check the brackets"},
};

void report(const YAML::ParserException& problem, const Location& file, const TextFindings& findings,
            Diagnostics& diagnostics) {
  const std::string_view says = problem.msg;
  Location at{file.file, from_one(problem.mark.line), from_one(problem.mark.column)};
  if (says.find("flow not found") != std::string_view::npos && findings.unclosed_bracket) {
    diagnostics.error(*findings.unclosed_bracket, "this bracket is never closed", "add the closing one");
    return;
  }
  if (says.find("flow not found") != std::string_view::npos) {
    diagnostics.error(at, "a comma or a closing bracket is missing before this",
                      "check the brackets, and quote values that contain one");
    return;
  }
  if (says.find("anchor is not defined") != std::string_view::npos) {
    diagnostics.error(at, "anchors (&) and aliases (*) are not supported",
                      "write the value out; quote it if it starts with & or *");
    return;
  }
  for (const Translation& known : kTranslations) {
    if (says.find(known.parser_says) == std::string_view::npos) continue;
    diagnostics.error(at, std::string(known.message), std::string(known.hint));
    return;
  }
  diagnostics.error(at, "not valid YAML: " + problem.msg);
}

}  // namespace

std::optional<YamlNode> parse_yaml(std::string text, const Location& file, Diagnostics& diagnostics) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  const std::optional<TextFindings> findings = check_text(text, file, diagnostics);
  if (!findings) return std::nullopt;

  TreeBuilder builder;
  try {
    std::istringstream stream(std::move(text));
    YAML::Parser parser(stream);
    // A second call finds text behind the document, which yaml-cpp takes for another one.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const Refusal& refusal) {
    diagnostics.error({file.file, refusal.line, refusal.column}, refusal.message, refusal.hint);
    return std::nullopt;
  } catch (const YAML::ParserException& problem) {
    report(problem, file, *findings, diagnostics);
    return std::nullopt;
  }
  if (!builder.has_document()) {
    diagnostics.error(file, "the file is empty",
                      "start from one of the examples, or let `tunneld init` write one");
    return std::nullopt;
  }
  return builder.take();
}

}  // namespace tunneld::config
