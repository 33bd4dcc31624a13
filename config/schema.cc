#include "config/schema.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/all_options.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

/// "auto", "a port from 1 to 65535" of "auto or a port from 1 to 65535".
std::vector<std::string> alternatives(const std::string& values) {
  static const std::regex kBetween(", or |, | or ");
  return {std::sregex_token_iterator(values.begin(), values.end(), kBetween, -1), {}};
}

/// Whatever is written without quotes: what YAML 1.1 takes for a number or a boolean is text to tunneld.
Json any_scalar() {
  return {{"type", Json::array({"string", "number", "boolean"})}};
}

/// Forms of texts, by what describes them. The first that fits counts.
struct Form {
  std::string_view words;
  std::string_view pattern;
};
constexpr Form kForms[] = {
    {"44 characters of base64", "^[A-Za-z0-9+/]{43}=$"},
    {"1 to 15 letters, digits or _=+.-", "^[A-Za-z0-9_=+.-]{1,15}$"},
    {"host:port", ":[1-9][0-9]*$"},
    {"addresses, without prefix length", "^[0-9A-Fa-f.:]+$"},
    {"a list of up to 8 addresses", "^[0-9A-Fa-f.:]+$"},
    {"networks", "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$"},
    {"addresses with prefix length", "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$"},
};

/// A pattern says nothing of numbers: without quotes, 12:34 is one.
Json text(const std::string& words) {
  Json any = any_scalar();
  const auto* form =
      std::ranges::find_if(kForms, [&words](const Form& one) { return words.find(one.words) != words.npos; });
  if (form != std::end(kForms)) any["pattern"] = form->pattern;
  return any;
}

bool is_word(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || c == '-'; });
}

/// Adds the word, and what a parser of YAML 1.1 makes of it.
void add_word(const std::string& word, Json& words) {
  words.push_back(word);
  if (word == "true") words.push_back(true);
  if (word == "false" || word == "off") words.push_back(false);
}

/// nullopt: the words do not describe a number, a size or a time.
std::optional<Json> quantity(const std::string& words) {
  static const std::regex kRange(
      R"(a (number|port|size|segment size|mark) from (\d+) to (\d+|0x[0-9a-f]+)( bytes)?)");
  static const std::regex kTime("a time of .+");
  if (std::regex_match(words, kTime)) return Json{{"type", "string"}, {"pattern", "^[0-9]+(ms|s|m|h|d)$"}};
  std::smatch match;
  if (!std::regex_match(words, match, kRange)) return std::nullopt;
  const std::string pattern = match[1] == "size"   ? "^[0-9]+(B|KiB|MiB|GiB)?$"
                              : match[1] == "mark" ? "^(0[xX][0-9A-Fa-f]+|[0-9]+)$"
                                                   : "^(0|[1-9][0-9]*)$";
  return Json{{"anyOf", Json::array({{{"type", "integer"},
                                      {"minimum", std::stoull(match[2], nullptr, 0)},
                                      {"maximum", std::stoull(match[3], nullptr, 0)}},
                                     {{"type", "string"}, {"pattern", pattern}}})}};
}

/// One value that is neither a list nor a mapping: one of some words, a quantity, or any text. nullopt: the
/// option takes no such value.
std::optional<Json> scalar(const std::string& values) {
  Json words = Json::array();
  Json kinds = Json::array();
  for (const std::string& alternative : alternatives(values)) {
    if (alternative == "a mapping" || alternative.starts_with("a list of") ||
        alternative.starts_with("a mapping of") || alternative.starts_with("as "))
      continue;
    if (is_word(alternative)) {
      add_word(alternative, words);
    } else if (auto kind = quantity(alternative)) {
      kinds.push_back(*std::move(kind));
    } else {
      return text(values);
    }
  }
  if (!words.empty()) kinds.push_back({{"enum", std::move(words)}});
  if (kinds.empty()) return std::nullopt;
  return kinds.size() == 1 ? kinds.at(0) : Json{{"anyOf", std::move(kinds)}};
}

/// Schemas of the options in the table.
class SchemaOf {
 public:
  explicit SchemaOf(std::vector<OptionWords> all) : all_(std::move(all)) {}

  /// `path`: "", or with a dot at its end.
  [[nodiscard]] Json mapping(const std::string& path) const {
    Json properties = Json::object();
    Json required = Json::array();
    for (const OptionWords& option : all_) {
      if (!option.path.starts_with(path)) continue;
      const std::string key = option.path.substr(path.size());
      if (key.find('.') != std::string::npos) continue;
      properties[key] = value(option);
      if (option.otherwise == "required") required.push_back(key);
    }
    Json schema{{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
    if (!required.empty()) schema["required"] = std::move(required);
    return schema;
  }

 private:
  [[nodiscard]] Json value(const OptionWords& option) const {
    Json kinds = Json::array();
    if (option.has_options) {
      Json own = mapping(option.path + '.');
      if (option.values.starts_with("a list of")) {
        own = {{"type", "array"}, {"items", std::move(own)}};
      } else if (option.values.starts_with("a mapping of")) {
        own = {{"type", "object"}, {"additionalProperties", std::move(own)}};
      }
      kinds.push_back(std::move(own));
    } else if (option.values.find("a list of") != std::string::npos) {
      kinds.push_back({{"type", "array"}, {"items", text(option.values)}});
    }
    if (!option.values.starts_with("a list of")) {
      if (auto kind = scalar(option.values)) kinds.push_back(*std::move(kind));
    }
    Json schema = kinds.size() == 1 ? kinds.at(0) : Json{{"anyOf", std::move(kinds)}};
    schema["description"] = description(option);
    return schema;
  }

  [[nodiscard]] static std::string description(const OptionWords& option) {
    std::string words = option.values + ". ";
    words += option.otherwise == "required" ? "Required." : "Default: " + option.otherwise + ".";
    if (option.reload == Reload::kNeedsRestart) words += " A change takes effect after a restart.";
    return words;
  }

  std::vector<OptionWords> all_;
};

}  // namespace

Json json_schema() {
  Json schema = SchemaOf(all_options()).mapping("");
  // An included file has no interface, and nothing but this.
  Json shared = Json::array();
  for (const Option<Config>& option : shared_options()) shared.push_back(option.key);
  schema.erase("required");
  schema["anyOf"] = Json::array(
      {{{"required", Json::array({"interface"})}}, {{"propertyNames", {{"enum", std::move(shared)}}}}});
  schema["not"] = {{"required", Json::array({"server", "client"})}};
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["title"] = "Configuration of tunneld, tunneld.yaml(5)";
  return schema;
}

}  // namespace tunneld::config
