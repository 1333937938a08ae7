#include "base/units.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace holdfast::base {
namespace {

TEST(ByteCount, ReadsUnits) {
  EXPECT_EQ(parse_byte_count("0"), 0U);
  EXPECT_EQ(parse_byte_count(" 512 "), 512U);
  EXPECT_EQ(parse_byte_count("20 MiB"), 20 * mib);
  EXPECT_EQ(parse_byte_count("4k"), 4 * kib);
  EXPECT_EQ(parse_byte_count("4Ki"), 4 * kib);
  EXPECT_EQ(parse_byte_count("1.5GB"), 1'500'000'000U);
  EXPECT_EQ(parse_byte_count("1.5 gib"), 3 * gib / 2);
  EXPECT_EQ(parse_byte_count("0.1kB"), 100U);
  EXPECT_EQ(parse_byte_count("7 bytes"), 7U);
  EXPECT_EQ(parse_byte_count("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
}

TEST(ByteCount, RefusesTheRest) {
  for (const auto* text : {"", "MiB", "-1", "1.k", ".5k", "1 2", "1x", "1kk", "1 M B", "16E",
                           "18446744073709551616", "1e3", "0x10"}) {
    EXPECT_THROW(parse_byte_count(text), Error) << text;
  }
}

TEST(ByteRate, IsACountOfBytesASecondOrNone) {
  EXPECT_EQ(parse_byte_rate("20 MiB/s"), 20 * mib);
  EXPECT_EQ(parse_byte_rate("1.5MB"), 1'500'000U);
  EXPECT_EQ(parse_byte_rate("none"), 0U);
  EXPECT_EQ(parse_byte_rate("0"), 0U);
  EXPECT_EQ(parse_byte_rate("16 KiB/s"), byte_rate_min);
  for (const auto* text : {"", "fast", "/s", "20 MiB/h", "20 MiB/s/s", "1000", "1", "-5MiB"}) {
    EXPECT_THROW(parse_byte_rate(text), Error) << text;
  }
}

TEST(ByteCount, PrintsThreeToFourDigits) {
  EXPECT_EQ(format_byte_count(0), "0 B");
  EXPECT_EQ(format_byte_count(999), "999 B");
  EXPECT_EQ(format_byte_count(1000), "1.00 kB");
  EXPECT_EQ(format_byte_count(9'994), "9.99 kB");
  EXPECT_EQ(format_byte_count(9'996), "10.0 kB");
  EXPECT_EQ(format_byte_count(204'400'000), "204.4 MB");
  EXPECT_EQ(format_byte_count(999'949), "999.9 kB");
  EXPECT_EQ(format_byte_count(999'950), "1.00 MB");
  EXPECT_EQ(format_byte_count(std::numeric_limits<std::uint64_t>::max()), "18.4 EB");
}

RC_GTEST_PROP(ByteCount, ReadsWhatItPrints, (std::uint64_t bytes)) {
  const auto again = static_cast<double>(parse_byte_count(format_byte_count(bytes / 2)));
  const auto exact = static_cast<double>(bytes / 2);
  RC_ASSERT(again >= exact * 0.99 && again <= exact * 1.01);
}

TEST(Duration, ReadsUnits) {
  EXPECT_EQ(parse_duration("5m"), 300);
  EXPECT_EQ(parse_duration("30 days"), 30 * 86'400);
  EXPECT_EQ(parse_duration("3 months"), 90 * 86'400);
  EXPECT_EQ(parse_duration("1h30m"), 5400);
  EXPECT_EQ(parse_duration(" 1 week 2 days "), 9 * 86'400);
  EXPECT_EQ(parse_duration("1y"), 365 * 86'400);
  EXPECT_EQ(parse_duration("0s"), 0);
}

TEST(Duration, RefusesTheRest) {
  for (const auto* text : {"", "5", "m", "5 m 3", "-5m", "1.5h", "5x", "9999999999999999999y"}) {
    EXPECT_THROW(parse_duration(text), Error) << text;
  }
}

TEST(Duration, Prints) {
  EXPECT_EQ(format_duration(0), "0.0 s");
  EXPECT_EQ(format_duration(3.44), "3.4 s");
  EXPECT_EQ(format_duration(59.97), "1:00");
  EXPECT_EQ(format_duration(125), "2:05");
  EXPECT_EQ(format_duration(3729), "1:02:09");
  EXPECT_EQ(format_duration(-1), "0.0 s");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "?");
  EXPECT_EQ(format_duration(1e300), "277777777:46:40");
}

TEST(Printable, KeepsTextOfAnyLanguage) {
  const std::string text = "photo \u00e9\u4e2d\u6587\U0001F600\\.jpg";
  EXPECT_EQ(printable(text), text);
}

TEST(Printable, EscapesWhatMovesTheCursor) {
  EXPECT_EQ(printable("a\x1b[2Jb\n\r\t"), "a\\x1b[2Jb\\x0a\\x0d\\x09");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  EXPECT_EQ(printable("\u009b1m"), "\\xc2\\x9b1m");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\u202egpj.exe"), "\\xe2\\x80\\xaegpj.exe");
  EXPECT_EQ(printable("\u2067x"), "\\xe2\\x81\\xa7x");
}

TEST(Printable, EscapesWhatIsNotUtf8) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xc3"), "\\xc3");
  EXPECT_EQ(printable("\xc3(x"), "\\xc3(x");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond Unicode
}

RC_GTEST_PROP(Printable, HoldsNoControlCharacter, (const std::string& text)) {
  for (const char c : printable(text)) {
    RC_ASSERT(static_cast<unsigned char>(c) >= 0x20);
    RC_ASSERT(c != 0x7f);
  }
}

}  // namespace
}  // namespace holdfast::base
