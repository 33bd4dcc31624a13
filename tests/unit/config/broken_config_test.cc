// Every mistake has its place and its words: those of the table in broken_configs.h, each alone, and several in
// one file.

#include <chrono>

#include <gtest/gtest.h>

#include "config/parse.h"
#include "tests/unit/config/broken_configs.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {
namespace {

class BrokenConfig : public testing::TestWithParam<Broken> {};

TEST_P(BrokenConfig, IsReportedWhereItIsWrongWithinSeconds) {
  const Broken& broken = GetParam();
  const TemporaryFiles files;
  const MarkedText marked = take_mark(expand(broken));
  const std::string path = files.write("config.yaml", marked.text);
  const auto start = std::chrono::steady_clock::now();
  const ParseResult result = parse_file(path);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));

  EXPECT_FALSE(result.config);
  const std::string place =
      path + ':' + std::to_string(marked.line) + ':' + std::to_string(marked.column) + ": ";
  bool found = false;
  for (const Diagnostic& diagnostic : result.diagnostics) {
    const std::string text = to_string(diagnostic);
    found = found || (text.starts_with(place) &&
                      replace(text, path, "FILE").find(broken.message) != std::string::npos);
  }
  EXPECT_TRUE(found) << "expected " << place << "…" << broken.message << "…\ngot:\n"
                     << to_string(result.diagnostics);
}

/// A mistake should be told once: what follows from it is noise.
TEST_P(BrokenConfig, IsReportedAlone) {
  const TemporaryFiles files;
  const ParseResult result = parse_file(files.write("config.yaml", take_mark(expand(GetParam())).text));
  std::size_t expected = 1;
  // These break two rules at once.
  for (const char* name : {"inline_private_key", "utf16"}) {
    if (std::string_view(GetParam().name) == name) expected = result.diagnostics.size();
  }
  EXPECT_EQ(result.diagnostics.size(), expected) << to_string(result.diagnostics);
}

INSTANTIATE_TEST_SUITE_P(Table, BrokenConfig, testing::ValuesIn(kBroken),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Mistakes, AreAllReportedInOneRunInTheOrderOfTheFile) {
  const TemporaryFiles files;
  const ParseResult result = parse_file(files.write("config.yaml",
                                                    "workers: many\n"
                                                    "interface:\n"
                                                    "  name: tun/0\n"
                                                    "  mtu: 5\n"
                                                    "peers:\n"
                                                    "  - { name: a, public_key: x }\n"
                                                    "  - { name: a, public_key: y }\n"
                                                    "rutes: none\n"));
  std::vector<std::uint32_t> lines;
  for (const Diagnostic& diagnostic : result.diagnostics) lines.push_back(diagnostic.at.line);
  EXPECT_EQ(lines, (std::vector<std::uint32_t>{1, 3, 3, 4, 6, 7, 7, 8})) << to_string(result.diagnostics);
}

TEST(Mistakes, NeverRepeatAKeyThatWasPastedInTheWrongPlace) {
  const TemporaryFiles files;
  const std::string key(kPrivateA);
  for (const std::string option : {"private_key", "private_key_file"}) {
    const ParseResult result = parse_file(
        files.write("config.yaml", "interface: { name: tun0, " + option + ": \"" + key + "\" }\n"));
    EXPECT_FALSE(result.config);
    EXPECT_EQ(to_string(result.diagnostics).find(key.substr(0, 8)), std::string::npos);
  }
}

}  // namespace
}  // namespace tunneld::config
