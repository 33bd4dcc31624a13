// What the pages say to write into a configuration is taken as it stands there: whole files and sections in blocks, options
// with values in the middle of sentences and tables, and names of options.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/all_options.h"
#include "config/parse.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {
namespace {

struct Text {
  std::string text;
  std::string where;  ///< "docs/config.md:17"
};

std::vector<std::filesystem::path> pages() {
  const std::filesystem::path source(TUNNELD_SOURCE_DIR);
  std::vector<std::filesystem::path> all = {source / "README.md", source / "SECURITY.md"};
  for (const auto& entry : std::filesystem::directory_iterator(source / "docs")) {
    if (entry.path().extension() == ".md") all.push_back(entry.path());
  }
  std::ranges::sort(all);
  return all;
}

void for_each_line(const std::filesystem::path& page,
                   const std::function<void(const std::string& line, const std::string& where)>& see) {
  std::ifstream file(page);
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);)
    see(line, page.filename().string() + ':' + std::to_string(++number));
}

/// Code in backquotes, except in indented blocks.
std::vector<Text> code_in(const std::filesystem::path& page) {
  static const std::regex kCode("`([^`]+)`");
  std::vector<Text> all;
  for_each_line(page, [&all](const std::string& line, const std::string& where) {
    if (line.starts_with("    ")) return;
    for (std::sregex_iterator match(line.begin(), line.end(), kCode), end; match != end; ++match)
      all.push_back({(*match)[1], where});
  });
  return all;
}

std::set<std::string> sections() {
  std::set<std::string> all;
  for (const OptionWords& option : all_options()) all.insert(option.path.substr(0, option.path.find('.')));
  all.insert({"include", "workers"});
  return all;
}

std::string first_word(const std::string& text) {
  return text.substr(0, text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"));
}

/// Indented blocks that begin with a section's name.
std::vector<Text> files_in(const std::filesystem::path& page) {
  std::vector<Text> blocks;
  bool is_open = false;
  for_each_line(page, [&](const std::string& line, const std::string& where) {
    const bool is_code = line.starts_with("    ");
    if (is_code && !is_open) blocks.push_back({"", where});
    if (is_code) blocks.back().text += line.substr(4) + '\n';
    is_open = is_code;
  });
  std::erase_if(blocks, [all = sections()](const Text& block) {
    const std::string word = first_word(block.text);
    return !all.contains(word) || !block.text.substr(word.size()).starts_with(':');
  });
  return blocks;
}

/// Keys in the place of words such as "SITE-A".
std::string with_keys(const std::string& text) {
  static const std::regex kKey("(public_key: )\"?[^\",}\\n]+\"?");
  const std::string_view keys[] = {kPublicA, kPublicB, kPublicC};
  std::string out;
  std::size_t number = 0;
  auto from = text.begin();
  for (std::sregex_iterator match(text.begin(), text.end(), kKey), end; match != end; ++match) {
    out.append(from, (*match)[0].first);
    out += (*match)[1].str() + '"' + std::string(keys[number++ % 3]) + '"';
    from = (*match)[0].second;
  }
  return out.append(from, text.end());
}

/// What a file with these lines needs, too. `more`: of the interface.
std::string completed(std::string text, const std::string& more) {
  static const std::regex kFlow("^interface: \\{ ?");
  const std::string own = "private_key_file: own.key" + more;
  const std::string name = text.starts_with("interface: { name:") ? "" : "name: tun0, ";
  if (text.starts_with("interface: {")) {
    text = std::regex_replace(text, kFlow, "interface: { " + name + own + ", ");
  } else if (!text.starts_with("interface:")) {
    text = "interface: { name: tun0, " + own + " }\n" + text;
  }
  if (std::regex_search(text, std::regex("(^|\\n)peers:"))) return text;
  return text + "\npeers: [ { name: other, public_key: \"" + std::string(kPublicB) +
         "\", endpoints: [\"192.0.2.1:51820\"] } ]\n";
}

/// Of the text as it is, or in a tap's file.
std::string errors_of(const std::string& text) {
  std::string errors;
  for (const char* more : {"", ", type: tap"}) {
    const TemporaryFiles files;
    const ParseResult result = parse_file(files.write("page.yaml", completed(text, more)));
    if (result.config) return "";
    errors += to_string(result.diagnostics);
  }
  return errors;
}

/// "interface.bridge" and "br0" as a file.
std::string nested(const std::string& path, const std::string& value) {
  const std::size_t dot = path.find('.');
  if (dot == std::string::npos) return path + ": " + value;
  std::string rest = nested(path.substr(dot + 1), value);
  // What most options of a bridge are for.
  if (path.starts_with("bridge.")) rest = "name: br0, create: true, " + rest;
  if (path.starts_with("peers.")) {
    return "peers: [ { name: other, public_key: \"" + std::string(kPublicB) + "\", " + rest + " } ]";
  }
  return path.substr(0, dot) + ": { " + rest + " }";
}

TEST(Pages, HaveWholeSectionsThatAreTakenAsTheyStand) {
  std::size_t found = 0;
  for (const auto& page : pages()) {
    for (const Text& block : files_in(page)) {
      ++found;
      const std::string yaml = with_keys(block.text);
      EXPECT_EQ(errors_of(yaml), "") << block.where << ":\n" << yaml;
    }
  }
  EXPECT_GE(found, 4U) << "the blocks were not found";
}

TEST(Pages, HaveOptionsWithValuesThatAreTaken) {
  static const std::regex kOption(R"(([a-z_]+(?:\.[a-z_]+)*): (.+))");
  // Of a frame, and of a commit.
  const std::set<std::string> others = {"answer", "protocol"};
  std::size_t found = 0;
  for (const auto& page : pages()) {
    for (const Text& code : code_in(page)) {
      std::smatch match;
      if (!std::regex_match(code.text, match, kOption) || others.contains(match[1])) continue;
      ++found;
      const std::string key = match[1];
      std::string value = std::regex_replace(match[2].str(), std::regex(", …"), "");
      value = std::regex_replace(value, std::regex(R"(\bN\b)"), "2");
      std::string errors = "no option is called so\n";
      bool is_taken = sections().contains(key) && (errors = errors_of(key + ": " + value)).empty();
      for (const OptionWords& option : all_options()) {
        if (is_taken) break;
        if (option.path != key && !option.path.ends_with('.' + key)) continue;
        errors = errors_of(nested(option.path, value));
        is_taken = errors.empty();
      }
      EXPECT_TRUE(is_taken) << code.where << ": `" << code.text << "`: " << errors;
    }
  }
  EXPECT_GE(found, 20U) << "the options were not found";
}

/// "interface.mtu" and "interface" for an option "interface.mtu".
std::set<std::string> all_paths() {
  std::set<std::string> paths;
  for (const OptionWords& option : all_options()) {
    for (std::size_t dot = 0; dot != std::string::npos;) {
      dot = option.path.find('.', dot + 1);
      paths.insert(option.path.substr(0, dot));
    }
  }
  return paths;
}

TEST(Pages, NameOptionsThatThereAre) {
  static const std::regex kPath(R"([a-z_]+(\.[a-z_]+)+)");
  const std::set<std::string> paths = all_paths();
  const std::set<std::string> tops = sections();
  std::size_t found = 0;
  for (const auto& page : pages()) {
    for (const Text& code : code_in(page)) {
      const bool is_file = std::regex_search(code.text, std::regex(R"(\.(yaml|key|psk|conf|d)$)"));
      if (!std::regex_match(code.text, kPath) || is_file || !tops.contains(first_word(code.text))) continue;
      ++found;
      EXPECT_TRUE(paths.contains(code.text)) << code.where << ": `" << code.text << '`';
    }
  }
  EXPECT_GE(found, 30U) << "the names were not found";
}

/// The right columns of the pages for those who come from another VPN, without commands and values.
TEST(Pages, OfOtherVpnsNameOptionsThatThereAre) {
  static const std::regex kRow(R"(\| .+ \| (.+) \|)");
  static const std::regex kCode("`([a-z_]+)`");
  std::set<std::string> names = {"off", "tunneld"};
  for (const std::string& path : all_paths()) names.insert(path.substr(path.rfind('.') + 1));
  for (const char* command : {"status", "doctor", "reload", "export", "check"}) names.insert(command);
  std::size_t found = 0;
  for (const char* page : {"from_openvpn.md", "from_wg_quick.md"}) {
    for_each_line(std::filesystem::path(TUNNELD_SOURCE_DIR) / "docs" / page, [&](const std::string& line,
                                                                                 const std::string& where) {
      std::smatch row;
      if (!std::regex_match(line, row, kRow)) return;
      const std::string right = row[1];
      for (std::sregex_iterator match(right.begin(), right.end(), kCode), end; match != end; ++match) {
        ++found;
        EXPECT_TRUE(names.contains((*match)[1])) << where << ": `" << (*match)[1] << '`';
      }
    });
  }
  EXPECT_GE(found, 20U) << "the columns were not found";
}

}  // namespace
}  // namespace tunneld::config
