// The picture of a QR code in a terminal; that scanners read it is tested end to end.

#include "daemon/commands/qr_code.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tunneld::daemon {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  const crypto::SecretText picture = qr_for_terminal(text);
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < picture.size();) {
    const std::size_t end = picture.find('\n', begin);
    lines.emplace_back(picture.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

TEST(QrCode, IsBlackOnWhiteOnEveryTerminalAndHasAQuietZone) {
  const std::string colours = "\x1b[38;5;16;48;5;231m";
  const auto lines = lines_of("hello");
  // Version 1 has 21 modules a side, and 4 white ones around; two rows a line.
  ASSERT_EQ(lines.size(), 15U);
  for (const std::string& line : lines) {
    EXPECT_TRUE(line.starts_with(colours)) << line;
    EXPECT_TRUE(line.ends_with("\x1b[0m")) << line;
  }
  const std::string white = colours + std::string(29, ' ') + "\x1b[0m";
  EXPECT_EQ(lines[0], white);
  EXPECT_EQ(lines[1], white);
  EXPECT_EQ(lines[13], white);
  EXPECT_EQ(lines[14], white);
  EXPECT_TRUE(lines[2].starts_with(colours + "    \u2588\u2580\u2580\u2580\u2580\u2580\u2588")) << lines[2];
}

TEST(QrCode, OfAUsualConfigurationFitsATerminal) {
  // A character' column is not its bytes: count what is no continuation of UTF-8.
  for (const std::string& line : lines_of(std::string(420, 'x'))) {
    const auto columns = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
    EXPECT_LE(columns, 80 + 19 + 4) << "colours are 23 bytes";
  }
}

TEST(QrCode, HasAnEnd) {
  EXPECT_NO_THROW((void)qr_for_terminal(std::string(2953, 'x')));
  EXPECT_THROW((void)qr_for_terminal(std::string(2954, 'x')), std::system_error);
}

}  // namespace
}  // namespace tunneld::daemon
