// Messages: their form, their order, and that a file's text in them cannot do harm.

#include "config/diagnostic.h"

#include <gtest/gtest.h>

#include "config/utf8.h"

namespace tunneld::config {
namespace {

Location at(const char* file, std::uint32_t line, std::uint32_t column) {
  return {std::make_shared<const std::string>(file), line, column};
}

TEST(Message, HasPlaceProblemAndFix) {
  EXPECT_EQ(to_string(Diagnostic{Severity::kError, at("a.yaml", 4, 17), "wrong", "write it right"}),
            "a.yaml:4:17: wrong; write it right");
  EXPECT_EQ(to_string(Diagnostic{Severity::kWarning, at("a.yaml", 1, 1), "odd", ""}),
            "a.yaml:1:1: warning: odd");
}

TEST(Messages, AreInTheOrderOfTheFiles) {
  Diagnostics diagnostics;
  diagnostics.error(at("z.yaml", 9, 1), "z9");
  diagnostics.error(at("a.yaml", 5, 1), "a5");
  diagnostics.warning(at("z.yaml", 2, 7), "z2:7");
  diagnostics.error(at("z.yaml", 2, 3), "z2:3");
  std::vector<std::string> order;
  for (const Diagnostic& diagnostic : diagnostics.take()) order.push_back(diagnostic.message);
  EXPECT_EQ(order, (std::vector<std::string>{"z2:3", "z2:7", "z9", "a5"}));
}

TEST(Messages, OfWarningsAloneAreNoErrors) {
  Diagnostics diagnostics;
  diagnostics.warning(at("a.yaml", 1, 1), "odd");
  EXPECT_FALSE(diagnostics.has_errors());
}

TEST(Quotes, EscapeWhatATerminalWouldObey) {
  EXPECT_EQ(in_quotes("tun0"), "'tun0'");
  EXPECT_EQ(in_quotes("zürich"), "'zürich'");
  EXPECT_EQ(in_quotes("a\nb\x1b[0m\x7f"), "'a\\x0ab\\x1b[0m\\x7f'");
  EXPECT_EQ(in_quotes("\xff\xc3"), "'\\xff\\xc3'");
  EXPECT_EQ(in_quotes("\u009b1m"), "'\\xc2\\x9b1m'");
  EXPECT_EQ(in_quotes("\u202e"), "'\\xe2\\x80\\xae'");
}

TEST(Quotes, CutLongTextBetweenCharacters) {
  const std::string cut = in_quotes(std::string(59, 'a') + "üüüü");
  EXPECT_EQ(cut, "'" + std::string(59, 'a') + "ü…'");
}

TEST(Utf8, IsStrict) {
  for (const char* valid : {"a", "ü", "€", "😀", "\uffff", "\U0010ffff", "\u0800", "\ud7ff"}) {
    EXPECT_EQ(utf8_length(valid), std::string_view(valid).size()) << valid;
  }
  for (const char* invalid :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3(", "\xff"}) {
    EXPECT_EQ(utf8_length(invalid), 0U);
  }
}

}  // namespace
}  // namespace tunneld::config
