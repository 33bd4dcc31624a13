// The table of options: one row for each, in the file of its section, and everything that is made of it.
//
// A row says what an option is called, what may be written, whether a reload can change it, and what wg-quick
// calls it. Reading, `check --show`, reload, `export` and the check of docs/config.md all use the rows and
// have no list of their own. A section is a struct of config.h, so a row reaches its value by a pointer to
// the member; value<> and section<> turn that into the few functions that do not depend on the member's type.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/all_options.h"
#include "config/location.h"
#include "config/node.h"
#include "config/yaml_writer.h"

namespace tunneld::config {

/// Where a `Section` stores the value of a key.
template <typename Section>
struct Access {
  void (*read)(const Node& node, Section& section);
  /// Writes nothing if there is no value.
  void (*show)(std::string_view key, const Section& section, YamlWriter& out);
  bool (*is_same)(const Section& a, const Section& b);
  void (*copy)(const Section& from, Section& to);
  /// For a choice: its words. Otherwise nullptr, and the row describes valid values.
  std::string (*words)() = nullptr;
  /// For a section: its options, which follow `path` and need a restart if it does. Otherwise nullptr.
  void (*describe)(const OptionWords& path, std::vector<OptionWords>& out) = nullptr;
  /// For a section that is always present: the two functions below, applied to its own options.
  void (*keep)(const std::string& path, const Section& running, Section& wanted,
               std::vector<std::string>& kept) = nullptr;
  void (*find_left_out)(const std::string& path, const Section& section,
                        std::vector<std::string>& left_out) = nullptr;
};

template <typename Section>
struct Option {
  using Of = Section;
  std::string_view key;
  /// Describes valid values. Empty for a choice.
  std::string_view values = {};
  /// The default in the words of docs/config.md, if `check --show` writes nothing for it.
  std::string_view unset = {};
  /// Not empty: the option is required, and this says what to write.
  std::string_view required = {};
  Reload reload = Reload::kTakes;
  std::string_view wg_quick = {};
  Access<Section> value;
};

template <typename Section>
using Options = std::span<const Option<Section>>;

/// Of "preshared_key_file", refuses "preshared_key".
void refuse_key_itself(Mapping& keys, std::string_view key_file);

/// Reads the `options` that are present. Reports missing ones, and a key that is written where the name of
/// its file belongs.
template <typename Section>
void read_options(Mapping& keys, std::type_identity_t<Options<Section>> options, Section& section) {
  for (const Option<Section>& option : options) {
    const std::optional<Node> node = option.required.empty()
                                         ? keys.find(option.key)
                                         : keys.require(option.key, std::string(option.required));
    if (node) option.value.read(*node, section);
    if (option.key.ends_with("key_file")) refuse_key_itself(keys, option.key);
  }
}

/// A mapping that has these options and no others.
template <typename Section>
void read_section(const Node& node, std::type_identity_t<Options<Section>> options, Section& section) {
  Mapping keys(node);
  read_options(keys, options, section);
  keys.finish();
}

template <typename Section>
void show_options(std::type_identity_t<Options<Section>> options, const Section& section, YamlWriter& out) {
  for (const Option<Section>& option : options) option.value.show(option.key, section, out);
}

/// Puts back what needs a restart, and names it.
template <typename Section>
void keep_options(const std::string& path, std::type_identity_t<Options<Section>> options,
                  const Section& running, Section& wanted, std::vector<std::string>& kept) {
  for (const Option<Section>& option : options) {
    const std::string name = path + std::string(option.key);
    if (option.reload == Reload::kTakes) {
      if (option.value.keep) option.value.keep(name + '.', running, wanted, kept);
    } else if (!option.value.is_same(running, wanted)) {
      option.value.copy(running, wanted);
      kept.push_back(name);
    }
  }
}

/// Names options that differ from their default and that wg-quick's files cannot express.
template <typename Section>
void find_left_out(const std::string& path, std::type_identity_t<Options<Section>> options,
                   const Section& section, std::vector<std::string>& left_out) {
  for (const Option<Section>& option : options) {
    const std::string name = path + std::string(option.key);
    if (option.wg_quick == kByItsOptions && option.value.find_left_out) {
      option.value.find_left_out(name + '.', section, left_out);
    } else if (option.wg_quick.empty() && !option.value.is_same(section, Section())) {
      left_out.push_back(name);
    }
  }
}

template <typename Section>
void describe_options(const OptionWords& of, std::type_identity_t<Options<Section>> options,
                      std::vector<OptionWords>& out) {
  for (const Option<Section>& option : options) {
    YamlWriter shown;
    option.value.show(option.key, Section(), shown);
    out.push_back({
        .path = (of.path.empty() ? "" : of.path + '.') + std::string(option.key),
        .values = option.value.words ? option.value.words() : std::string(option.values),
        .otherwise = !option.required.empty() ? "required"
                     : !option.unset.empty()  ? std::string(option.unset)
                                              : shown.only_value(),
        .reload = of.reload == Reload::kTakes ? option.reload : of.reload,
        .wg_quick = std::string(option.wg_quick),
        .has_options = option.value.describe != nullptr,
    });
    if (option.value.describe) option.value.describe(OptionWords(out.back()), out);
  }
}

template <typename T>
struct MemberOf;
template <typename S, typename M>
struct MemberOf<M S::*> {
  using Section = S;
  using Value = M;
};
template <auto kMember>
using SectionOf = typename MemberOf<decltype(kMember)>::Section;
template <auto kMember>
using ValueOf = typename MemberOf<decltype(kMember)>::Value;

/// Describes what a function like interface_options() returns.
template <auto kOptions>
void describe(const OptionWords& of, std::vector<OptionWords>& out) {
  describe_options<typename decltype(kOptions())::value_type::Of>(of, kOptions(), out);
}

/// A value in one piece. `kRead` takes a node and returns the value, or nullopt to leave it as it is. `kShow`
/// returns it as YAML, "" for nothing; or it takes the key, too, and writes lines.
template <auto kMember, auto kRead, auto kShow = kToYaml>
constexpr Access<SectionOf<kMember>> value() {
  using Section = SectionOf<kMember>;
  using Value = ValueOf<kMember>;
  return {
      .read =
          [](const Node& node, Section& section) {
            auto read = kRead(node);
            if constexpr (std::is_same_v<decltype(read), std::optional<Value>>) {
              if (read) section.*kMember = *std::move(read);
            } else {
              section.*kMember = std::move(read);
            }
          },
      .show =
          [](std::string_view key, const Section& section, YamlWriter& out) {
            if constexpr (std::invocable<decltype(kShow), std::string_view, const Value&, YamlWriter&>) {
              kShow(key, section.*kMember, out);
            } else {
              const std::string text(kShow(section.*kMember));
              if (!text.empty()) out.line(key, text);
            }
          },
      .is_same = [](const Section& a, const Section& b) { return a.*kMember == b.*kMember; },
      .copy = [](const Section& from, Section& to) { to.*kMember = from.*kMember; },
  };
}

/// A value that lies in several members: `kRead` takes node and section, `kShow` the section.
template <auto kRead, auto kShow, auto... kMembers>
constexpr auto values() {
  using Section = std::common_type_t<SectionOf<kMembers>...>;
  return Access<Section>{
      .read = kRead,
      .show =
          [](std::string_view key, const Section& section, YamlWriter& out) {
            const std::string text = kShow(section);
            if (!text.empty()) out.line(key, text);
          },
      .is_same = [](const Section& a, const Section& b) { return ((a.*kMembers == b.*kMembers) && ...); },
      .copy = [](const Section& from, Section& to) { ((to.*kMembers = from.*kMembers), ...); },
  };
}

/// One of a few words.
template <auto kMember, const auto& kWords>
constexpr Access<SectionOf<kMember>> choice() {
  constexpr auto kRead = [](const Node& node) { return node.choice(kWords); };
  constexpr auto kShow = [](const ValueOf<kMember>& value) {
    for (const auto& word : kWords) {
      if (word.value == value) return word.word;
    }
    return std::string_view();
  };
  auto access = value<kMember, kRead, kShow>();
  access.words = [] { return words_of(kWords); };
  return access;
}

template <auto kMember>
constexpr Access<SectionOf<kMember>> flag() {
  return choice<kMember, kBools>();
}

// What a section's member holds: the value itself, an optional value, or a value with its location.
template <typename Part>
Part& make_part(Part& member, const Node& /*node*/) {
  return member;
}
template <typename Part>
Part& make_part(std::optional<Part>& member, const Node& /*node*/) {
  return member.emplace();
}
template <typename Part>
Part& make_part(std::optional<Located<Part>>& member, const Node& node) {
  return member.emplace(Located<Part>{.value = {}, .at = node.at()}).value;
}
template <typename Part>
const Part* part_of(const Part& member) {
  return &member;
}
template <typename Part>
const Part* part_of(const std::optional<Part>& member) {
  return member ? &*member : nullptr;
}
template <typename Part>
const Part* part_of(const std::optional<Located<Part>>& member) {
  return member ? &member->value : nullptr;
}

/// A mapping with options of its own. `kReadFirst`, if given, reads what is not a mapping, and says
/// whether the value has thereby been read. `kShow` is as that of value<>.
template <auto kMember, auto kOptions, auto kReadFirst = nullptr, auto kShow = nullptr>
constexpr Access<SectionOf<kMember>> section() {
  using Section = SectionOf<kMember>;
  Access<Section> access{
      .read =
          [](const Node& node, Section& section) {
            if constexpr (!std::is_null_pointer_v<decltype(kReadFirst)>) {
              if (kReadFirst(node, section.*kMember)) return;
            }
            read_section(node, kOptions(), make_part(section.*kMember, node));
          },
      .show =
          [](std::string_view key, const Section& section, YamlWriter& out) {
            if constexpr (!std::is_null_pointer_v<decltype(kShow)>) {
              kShow(key, section.*kMember, out);
            } else if (const auto* part = part_of(section.*kMember)) {
              out.begin(key);
              show_options(kOptions(), *part, out);
              out.end();
            }
          },
      .is_same = [](const Section& a, const Section& b) { return a.*kMember == b.*kMember; },
      .copy = [](const Section& from, Section& to) { to.*kMember = from.*kMember; },
      .describe = describe<kOptions>,
  };
  if constexpr (std::is_same_v<typename decltype(kOptions())::value_type::Of, ValueOf<kMember>>) {
    access.keep = [](const std::string& path, const Section& running, Section& wanted,
                     std::vector<std::string>& kept) {
      keep_options(path, kOptions(), running.*kMember, wanted.*kMember, kept);
    };
    access.find_left_out = [](const std::string& path, const Section& section,
                              std::vector<std::string>& left_out) {
      find_left_out(path, kOptions(), section.*kMember, left_out);
    };
  }
  return access;
}

}  // namespace tunneld::config
