// Numbers, durations and sizes: what is taken, and above all what is not.

#include "config/scalars.h"

#include <gtest/gtest.h>

namespace tunneld::config {
namespace {

TEST(Number, IsDecimalAndNothingElse) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("51820"), 51820U);
  EXPECT_EQ(parse_number("18446744073709551615"), 18446744073709551615U);
  for (const char* text : {"", " 1", "1 ", "+1", "-1", "01", "00", "0x10", "0o17", "1e3", "1_000", "1,000",
                           "1.0", "true", "18446744073709551616", "٣"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(Mark, MayBeHexadecimal) {
  EXPECT_EQ(parse_mark("0xCA6C"), 51820U);
  EXPECT_EQ(parse_mark("51820"), 51820U);
  for (const char* text : {"", "0x", "0x-1", "0xg", "ca6c", "010"})
    EXPECT_EQ(parse_mark(text), std::nullopt) << text;
}

TEST(DurationText, HasAUnit) {
  using std::chrono::milliseconds;
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("25s"), milliseconds(25'000));
  EXPECT_EQ(parse_duration("2m"), milliseconds(120'000));
  EXPECT_EQ(parse_duration("1h"), milliseconds(3'600'000));
  EXPECT_EQ(parse_duration("1d"), milliseconds(86'400'000));
  EXPECT_EQ(parse_duration("0s"), milliseconds(0));
  for (const char* text : {"", "25", "s", "25 s", "-1s", "1.5s", "025s", "25S", "1m30s", "1y", "106752d",
                           "99999999999999999999s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(DurationText, IsWrittenAsItIsRead) {
  for (const char* text : {"1ms", "1500ms", "25s", "90s", "2m", "1h", "36h", "2d", "0ms"}) {
    EXPECT_EQ(format_duration(parse_duration(text).value()), text);
  }
  EXPECT_EQ(format_duration(std::chrono::seconds(120)), "2m");
}

TEST(Size, IsInBytesOrBinaryUnits) {
  EXPECT_EQ(parse_size("1420"), 1420U);
  EXPECT_EQ(parse_size("1420B"), 1420U);
  EXPECT_EQ(parse_size("64KiB"), 65536U);
  EXPECT_EQ(parse_size("10MiB"), 10485760U);
  EXPECT_EQ(parse_size("2GiB"), 2147483648U);
  for (const char* text : {"", "B", "10MB", "10M", "10 MiB", "1.5KiB", "-1B", "99999999999GiB"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace tunneld::config
